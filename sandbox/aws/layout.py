"""Where a sandbox keeps what."""

from dataclasses import dataclass
from pathlib import Path

# What holds this package, and the CDK CLI in its node_modules.
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """The files below a sandbox's directory."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "server.lock"

    @property
    def starting(self) -> Path:
        return self.root / "starting.lock"

    @property
    def ca_bundle(self) -> Path:
        return self.root / "tls" / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.root / "tls" / "server.pem"

    @property
    def private_key(self) -> Path:
        return self.root / "tls" / "server.key"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def server_log(self) -> Path:
        return self.logs / "server.log"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def aws_config(self) -> Path:
        return self.root / "aws" / "config"

    @property
    def aws_credentials(self) -> Path:
        return self.root / "aws" / "credentials"

    @property
    def cloud_assembly(self) -> Path:
        return self.root / "cdk.out"

    @property
    def assembly_digest(self) -> Path:
        return self.root / "cdk.out.sha256"

    @property
    def description(self) -> Path:
        return self.root / "sandbox.json"

    @property
    def environment(self) -> Path:
        return self.root / "env.sh"

    def create(self) -> None:
        for folder in (self.ca_bundle.parent, self.logs, self.temporary, self.aws_config.parent):
            folder.mkdir(parents=True, exist_ok=True)
