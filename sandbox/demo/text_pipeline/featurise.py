"""The first container: one text a line goes in, its n-grams with their weights come out."""

import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


def model_fn(model_dir: str) -> TfidfVectorizer:
    weights: dict[str, list[float]] = {}
    for shard in sorted((Path(model_dir) / "vocabulary").glob("*.json")):
        weights |= json.loads(shard.read_text())
    vocabulary = {ngram: int(index) for ngram, (index, _) in weights.items()}
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), vocabulary=vocabulary)
    inverse_frequencies = np.empty(len(vocabulary))
    for index, weight in weights.values():
        inverse_frequencies[int(index)] = weight
    vectorizer.idf_ = inverse_frequencies
    return vectorizer


def input_fn(body: bytes | str, content_type: str) -> list[str]:
    text = body.decode() if isinstance(body, bytes) else body
    if content_type not in {"text/csv", "text/plain"}:
        raise ValueError(f"content type {content_type!r} is not understood; send text/plain or text/csv")
    return [line for line in text.splitlines() if line.strip()]


def predict_fn(texts: list[str], vectorizer: TfidfVectorizer) -> dict[str, object]:
    features = vectorizer.transform(texts)
    return {
        "width": features.shape[1],
        "rows": [
            {"indices": row.indices.tolist(), "values": row.data.round(9).tolist()}
            for row in (features.getrow(number) for number in range(features.shape[0]))
        ],
    }


def output_fn(features: dict[str, object], accept: str) -> tuple[str, str]:
    return json.dumps(features), "application/json"
