"""The script-mode contract: what a user's program may define, and what happens where it does not."""

import io
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

JSON, CSV = "application/json", "text/csv"


class Script:
    """The functions of a script-mode program, with the framework images' defaults for those that it leaves out."""

    def __init__(self, program: ModuleType, model_directory: str) -> None:
        self._input = getattr(program, "input_fn", _decode)
        self._predict = getattr(program, "predict_fn", _predict)
        self._output = getattr(program, "output_fn", _encode)
        load: Callable[[str], Any] | None = getattr(program, "model_fn", None)
        if load is None:
            raise NotImplementedError(f"{program.__name__} has no model_fn, so the model cannot be loaded")
        self._model = load(model_directory)

    def transform(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Answer one invocation: its body and content type."""
        data = self._input(_text_or_bytes(body, content_type), content_type)
        output = self._output(self._predict(data, self._model), accept)
        answer, answer_type = output if isinstance(output, tuple) else (output, accept)
        return answer if isinstance(answer, bytes) else str(answer).encode(), str(answer_type)


def _text_or_bytes(body: bytes, content_type: str) -> bytes | str:
    # The framework images hand text to input_fn for text types and bytes for everything else.
    return body.decode() if content_type.startswith("text/") or content_type.startswith(JSON) else body


def _decode(body: bytes | str, content_type: str) -> Any:
    kind = content_type.partition(";")[0].strip()
    if kind == JSON:
        return json.loads(body)
    if kind == CSV:
        text = body if isinstance(body, str) else body.decode()
        return [[_number(cell) for cell in line.split(",")] for line in text.splitlines() if line]
    if kind == "application/x-npy":
        import numpy  # noqa: PLC0415

        return numpy.load(io.BytesIO(body if isinstance(body, bytes) else body.encode()), allow_pickle=False)
    raise ValueError(f"Unsupported content type: {content_type}")


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data) if hasattr(model, "predict") else model(data)


def _encode(prediction: Any, accept: str) -> tuple[str, str]:
    plain = prediction.tolist() if hasattr(prediction, "tolist") else prediction
    if accept == CSV:
        rows = plain if isinstance(plain, list) else [plain]
        return "\n".join(",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows), CSV
    return json.dumps(plain), JSON
