"""The second container: what the first one made of the texts goes in, labels come out."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np


def model_fn(model_dir: str) -> Any:
    return joblib.load(Path(model_dir) / "model.joblib")


def input_fn(body: bytes | str, content_type: str) -> np.ndarray:
    content = json.loads(body)
    features = np.zeros((len(content["rows"]), content["width"]))
    for number, row in enumerate(content["rows"]):
        features[number, row["indices"]] = row["values"]
    return features


def predict_fn(features: np.ndarray, model: Any) -> list[dict[str, Any]]:
    return [
        {"label": str(model.classes_[row.argmax()]), "probability": round(float(row.max()), 3)}
        for row in model.predict_proba(features)
    ]


def output_fn(predictions: list[dict[str, Any]], accept: str) -> tuple[str, str]:
    return json.dumps(predictions), "application/json"
