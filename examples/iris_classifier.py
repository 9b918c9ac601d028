# /// script
# dependencies = ["scikit-learn"]
# ///
"""A classifier, fitted and judged on data that it has not seen.

    hermetic run examples/iris_classifier.py

The data comes with scikit-learn, which is built into the WASI interpreter.
"""

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

iris = load_iris()
train, test, train_kinds, test_kinds = train_test_split(
    iris.data, iris.target, test_size=0.3, random_state=1, stratify=iris.target
)
forest = RandomForestClassifier(n_estimators=30, random_state=1).fit(train, train_kinds)
accuracy = accuracy_score(test_kinds, forest.predict(test))
most_telling = max(zip(forest.feature_importances_, iris.feature_names, strict=True))

print(f"{len(test)} flowers, {accuracy:.0%} named correctly")
print(f"most telling: {most_telling[1]}")
