"""What runs in Lambda: exactly the files whose hashes the lock lists, or there is no bundle."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from stacks.hub import bundle
from stacks.hub.bundle import BundleError


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and from nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def publish(index: Path, name: str, *, requires: str = "", code: str = "") -> str:
    """Put a wheel into the index, and return its hash."""
    info = f"{name}-1.0.dist-info"
    required = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{required}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    wheel = index / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def lock_of(tmp_path: Path, **hashes: str) -> Path:
    lock = tmp_path / "requirements.lock"
    lock.write_text("".join(f"{name}==1.0 --hash=sha256:{value}\n" for name, value in hashes.items()))
    return lock


def test_what_the_lock_lists_is_installed(index: Path, tmp_path: Path) -> None:
    lock = lock_of(tmp_path, sdk=publish(index, "sdk", requires="retry"), retry=publish(index, "retry"))
    bundle.install_locked(lock, tmp_path / "packages")
    assert {file.name for file in (tmp_path / "packages").glob("*.py")} == {"sdk.py", "retry.py"}


def test_a_package_that_was_tampered_with_is_refused(index: Path, tmp_path: Path) -> None:
    lock = lock_of(tmp_path, sdk=publish(index, "sdk"))
    publish(index, "sdk", code="import os")
    with pytest.raises(BundleError, match="DO NOT MATCH THE HASHES"):
        bundle.install_locked(lock, tmp_path / "packages")
    assert not (tmp_path / "packages" / "sdk.py").exists()


def test_a_package_that_the_lock_does_not_list_is_refused(index: Path, tmp_path: Path) -> None:
    """No one approved a dependency that a package has since today."""
    lock = lock_of(tmp_path, sdk=publish(index, "sdk", requires="retry"))
    publish(index, "retry")
    with pytest.raises(BundleError, match="must have their versions pinned"):
        bundle.install_locked(lock, tmp_path / "packages")
    assert not (tmp_path / "packages" / "sdk.py").exists()


def test_a_lock_without_hashes_is_refused(index: Path, tmp_path: Path) -> None:
    publish(index, "sdk")
    lock = tmp_path / "requirements.lock"
    lock.write_text("sdk==1.0\n")
    with pytest.raises(BundleError, match="Hashes are required"):
        bundle.install_locked(lock, tmp_path / "packages")


def test_a_source_distribution_is_refused(index: Path, tmp_path: Path) -> None:
    """Its build runs here, with the credentials of the deploying principal, and with packages that no lock lists."""
    archive = index / "sdk-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        text = b"raise SystemExit('the build ran')"
        entry = tarfile.TarInfo("sdk-1.0/setup.py")
        entry.size = len(text)
        packed.addfile(entry, io.BytesIO(text))
    lock = lock_of(tmp_path, sdk=hashlib.sha256(archive.read_bytes()).hexdigest())
    with pytest.raises(BundleError, match="No matching distribution found for sdk") as refusal:
        bundle.install_locked(lock, tmp_path / "packages")
    assert "the build ran" not in str(refusal.value)


def test_a_compiled_package_is_refused(index: Path, tmp_path: Path) -> None:
    publish(index, "sdk")
    wheel = index / "sdk-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("sdk/_fast.so", "")
    lock = lock_of(tmp_path, sdk=hashlib.sha256(wheel.read_bytes()).hexdigest())
    with pytest.raises(BundleError, match=r"pure Python, but holds _fast\.so"):
        bundle.install_locked(lock, tmp_path / "packages")
