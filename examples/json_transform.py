"""JSON in, JSON out: groups records by a field and counts what is in each group.

    hermetic run examples/json_transform.py city < people.json

Standard input is a list of objects; the argument names the field to group by.
"""

import json
import sys
from collections import defaultdict
from statistics import mean


def summarize(records):
    """How many records there are, and the mean of each field that holds numbers."""
    numbers = defaultdict(list)
    for record in records:
        for name, value in record.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                numbers[name].append(value)
    means = {name: round(mean(values), 3) for name, values in sorted(numbers.items())}
    return {"count": len(records), "mean": means}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: json_transform.py FIELD < records.json")
    field = sys.argv[1]
    try:
        records = json.load(sys.stdin)
    except json.JSONDecodeError as error:
        sys.exit(f"standard input is not JSON: {error}")
    groups = defaultdict(list)
    for record in records:
        groups[str(record.get(field))].append(record)
    result = {name: summarize(members) for name, members in sorted(groups.items())}
    json.dump(result, sys.stdout, indent=2, ensure_ascii=False)
    print()


main()
