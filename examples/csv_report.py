"""A report over a CSV file, by way of SQL.

Reads the file that is named, standard input when that is "-", or a sample of its own:

    hermetic run examples/csv_report.py
    hermetic run --mount sales:/sales examples/csv_report.py /sales/2026.csv
"""

import csv
import io
import sqlite3
import sys

SAMPLE = """\
day,shop,product,units,price
2026-03-02,Ghent,tea,12,4.50
2026-03-02,Ghent,honey,3,8.00
2026-03-02,Porto,tea,20,4.20
2026-03-03,Porto,honey,9,7.50
2026-03-03,Ghent,tea,15,4.50
2026-03-03,Porto,coffee,11,9.90
"""

REPORT = """
    SELECT shop,
           sum(units)                    AS units,
           round(sum(units * price), 2)  AS revenue,
           (SELECT product FROM sales AS other WHERE other.shop = sales.shop
            GROUP BY product ORDER BY sum(units * price) DESC LIMIT 1) AS best_seller
    FROM sales GROUP BY shop ORDER BY revenue DESC
"""


def open_source(arguments):
    match arguments:
        case []:
            return io.StringIO(SAMPLE)
        case ["-"]:
            return sys.stdin
        case [path]:
            return open(path, newline="", encoding="utf-8")
        case _:
            sys.exit("usage: csv_report.py [FILE | -]")


def load(rows):
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE sales (shop TEXT, product TEXT, units INT, price REAL)")
    database.executemany("INSERT INTO sales VALUES (:shop, :product, :units, :price)", rows)
    return database


def main():
    with open_source(sys.argv[1:]) as source:
        database = load(csv.DictReader(source))
    print(f"{'shop':<10}{'units':>8}{'revenue':>12}  best seller")
    for shop, units, revenue, best_seller in database.execute(REPORT):
        print(f"{shop:<10}{units:>8}{revenue:>12.2f}  {best_seller}")


main()
