# /// script
# requires-python = ">=3.11"
# dependencies = ["pandas", "matplotlib"]
# ///
"""Weekly revenue from a CSV file, as a table and as a chart.

    hermetic run --mount examples/data:/data --out results examples/pandas_report.py

The chart is written to results/revenue.png. pandas and matplotlib are built into the WASI
interpreter, which is chosen by itself.
"""

import sys

import matplotlib.pyplot as plt
import pandas as pd

path = sys.argv[1] if len(sys.argv) > 1 else "/data/sales.csv"
sales = pd.read_csv(path, parse_dates=["day"])
sales["revenue"] = sales["units"] * sales["price"]
weekly = sales.pivot_table(index="day", columns="shop", values="revenue", aggfunc="sum")

print(weekly.sum().sort_values(ascending=False).round(2).to_string())
print(f"best week: {weekly.sum(axis=1).idxmax():%Y-%m-%d}")

axes = weekly.plot(figsize=(8, 4), marker="o", title="Weekly revenue")
axes.set_xlabel("")
plt.savefig("revenue.png", dpi=120, bbox_inches="tight")
plt.close()
