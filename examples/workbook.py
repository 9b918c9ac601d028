# /// script
# dependencies = ["openpyxl"]
#
# [tool.hermetic]
# interpreter = "wasi"
# ///
"""A spreadsheet with a formula and a chart.

    hermetic run --out results examples/workbook.py

The workbook is written to results/budget.xlsx.
"""

from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font

COSTS = [("Rent", 1200), ("Wages", 3400), ("Beans", 860), ("Repairs", 240)]

book = Workbook()
sheet = book.active
sheet.title = "Budget"
sheet.append(["Cost", "Euros"])
for row in COSTS:
    sheet.append(row)
sheet.append(["Total", f"=SUM(B2:B{len(COSTS) + 1})"])
for cell in (*sheet[1], *sheet[sheet.max_row]):
    cell.font = Font(bold=True)

chart = BarChart()
chart.title = "Costs of a month"
last = len(COSTS) + 1
chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=last), titles_from_data=True)
chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=last))
sheet.add_chart(chart, "D2")
book.save("budget.xlsx")
print(f"budget.xlsx: {sheet.max_row} rows, {len(sheet._charts)} chart")
