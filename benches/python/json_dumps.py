"""Objects to JSON: empty, nested, wide ones, text beyond ASCII, numbers."""
import json

EMPTY = ({}, 60000)
SIMPLE = ({"key1": 0, "key2": True, "key3": "value", "key4": "foo", "key5": "string"}, 24000)
NESTED = (
    {
        "key1": 0,
        "key2": SIMPLE[0],
        "key3": "value",
        "key4": {"deep": [SIMPLE[0], {"deeper": [1, 2.5, None, False]}]},
        "name": "\u0105\u0107\u017c caf\u00e9 \u65e5\u672c",
    },
    15000,
)
WIDE = ([{"id": i, "price": i / 8, "tags": ["a", "b", str(i)]} for i in range(500)], 90)

length = 0
for value, times in (EMPTY, SIMPLE, NESTED, WIDE):
    for _ in range(times):
        length += len(json.dumps(value))
    for _ in range(times // 20):
        length += len(json.dumps(value, sort_keys=True, indent=1))
print("characters", length)
