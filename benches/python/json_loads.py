"""JSON to objects: empty, nested, wide ones, escapes, numbers."""
import json

SIMPLE = {"key1": 0, "key2": True, "key3": "value", "key4": "foo", "key5": "string"}
NESTED = {
    "key1": 0,
    "key2": SIMPLE,
    "key3": "value",
    "key4": {"deep": [SIMPLE, {"deeper": [1, 2.5, None, False]}]},
    "name": "\u0105\u0107\u017c caf\u00e9 \u65e5\u672c",
}
WIDE = [{"id": i, "price": i / 8, "tags": ["a", "b", str(i)]} for i in range(500)]

total = 0
for value, times in (({}, 40000), (SIMPLE, 30000), (NESTED, 20000), (WIDE, 120)):
    text = json.dumps(value)
    plain = json.dumps(value, ensure_ascii=False)
    for _ in range(times):
        total += len(json.loads(text))
        total += len(json.loads(plain))
    assert json.loads(text) == value
print("items", total)
