"""Train the text classifier as two containers: one makes numbers of texts, the other makes labels of the numbers.

Reads reviews.csv (columns text, label) from --train. Writes the vocabulary in many small files to
<model-dir>/features, as large models come, and the classifier to <model-dir>/classifier/model.joblib.
"""

import argparse
import csv
import json
import zlib
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

SHARDS = 320


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True)
    arguments = parser.parse_args()

    with (arguments.train / "reviews.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))
    features = vectorizer.fit_transform([row["text"] for row in rows])
    classifier = LogisticRegression(C=10).fit(features, [row["label"] for row in rows])

    shards: list[dict[str, list[float]]] = [{} for _ in range(SHARDS)]
    for ngram, index in vectorizer.vocabulary_.items():
        shards[zlib.crc32(ngram.encode()) % SHARDS][ngram] = [int(index), float(vectorizer.idf_[index])]
    folder = arguments.model_dir / "features" / "vocabulary"
    folder.mkdir(parents=True, exist_ok=True)
    for number, shard in enumerate(shards):
        (folder / f"{number:03}-of-{SHARDS}.json").write_text(json.dumps(shard))
    (arguments.model_dir / "classifier").mkdir(exist_ok=True)
    joblib.dump(classifier, arguments.model_dir / "classifier" / "model.joblib")


if __name__ == "__main__":
    main()
