# /// script
# dependencies = ["pydantic>=2"]
# ///
"""Orders checked against a model, with an explanation for each that is wrong.

    hermetic run examples/pydantic_orders.py

pydantic's core is native code; its wheel for WebAssembly is linked into the guest.
"""

from datetime import date

from pydantic import BaseModel, Field, ValidationError

ORDERS = [
    {"item": "tea", "units": 3, "due": "2026-03-02"},
    {"item": "", "units": 0, "due": "2026-02-30"},
    {"item": "honey", "units": "12", "due": "2026-04-01"},
]


class Order(BaseModel):
    item: str = Field(min_length=1)
    units: int = Field(gt=0)
    due: date


for number, order in enumerate(ORDERS, start=1):
    try:
        checked = Order.model_validate(order)
    except ValidationError as error:
        print(f"order {number} is refused:")
        for problem in error.errors():
            print(f"  {'.'.join(map(str, problem['loc']))}: {problem['msg']}")
    else:
        print(f"order {number}: {checked.units} x {checked.item}, due {checked.due:%d %B}")
