"""Serve the text classifier: SageMaker's script-mode contract. In goes one text a line, out come labels."""

import json
from pathlib import Path
from typing import Any

import joblib


def model_fn(model_dir: str) -> Any:
    return joblib.load(Path(model_dir) / "model.joblib")


def input_fn(body: bytes | str, content_type: str) -> list[str]:
    text = body.decode() if isinstance(body, bytes) else body
    if content_type == "application/json":
        content = json.loads(text)
        return [content] if isinstance(content, str) else list(content)
    if content_type in {"text/csv", "text/plain"}:
        return [line for line in text.splitlines() if line.strip()]
    raise ValueError(f"content type {content_type!r} is not understood; send text/plain, text/csv or application/json")


def predict_fn(texts: list[str], model: Any) -> list[dict[str, Any]]:
    probabilities = model.predict_proba(texts)
    return [
        {"label": str(model.classes_[row.argmax()]), "probability": round(float(row.max()), 3)} for row in probabilities
    ]


def output_fn(predictions: list[dict[str, Any]], accept: str) -> tuple[str, str]:
    return json.dumps(predictions), "application/json"
