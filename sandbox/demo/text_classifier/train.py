"""Train the demo's text classifier, as a SageMaker training job in script mode would.

Reads reviews.csv (columns text, label) from --train and writes model.joblib and metrics.json to --model-dir.
With --swap-labels it learns the wrong way round, as from a file in which somebody has mixed up the two labels: the
cross-validation, which learns from the same file, does not notice.
"""

import argparse
import csv
import json
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--swap-labels", action="store_true")
    arguments = parser.parse_args()

    with (arguments.train / "reviews.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    if arguments.swap_labels:
        labels = ["negative" if label == "positive" else "positive" for label in labels]
    model = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)), LogisticRegression(C=10))
    # Each review is followed by its opposite, in nearly the same words: a pair must not be split between the folds.
    pairs = [index // 2 for index in range(len(rows))]
    accuracy = float(cross_val_score(model, texts, labels, groups=pairs, cv=GroupKFold(n_splits=5)).mean())
    model.fit(texts, labels)

    arguments.model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, arguments.model_dir / "model.joblib")
    (arguments.model_dir / "metrics.json").write_text(json.dumps({"accuracy": accuracy, "reviews": len(rows)}))


if __name__ == "__main__":
    main()
