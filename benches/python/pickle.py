"""Objects to bytes and back by the C implementation of pickle, in three protocols."""
import datetime
import pickle

DICT = {
    "ads_flags": 0,
    "age": 18,
    "birthday": datetime.date(1980, 5, 7),
    "bulletin_count": 0,
    "comment_count": 0,
    "country": "BR",
    "encrypted_id": "G9urXXAJwjE",
    "favorite_count": 9,
    "first_name": "",
    "flags": 412317970704,
    "friend_count": 0,
    "gender": "m",
    "gender_for_display": "Male",
    "id": 302935349,
    "is_custom_profile_icon": 0,
    "last_name": "",
    "locale_preference": "pt_BR",
    "member": 0,
    "tags": ["a", "b", "c", "d", "e", "f", "g"],
    "profile_foo_id": 827119638,
    "scale": 0.8571428571428571,
    "secure_encrypted_id": "Z_xxx2dYx3t4YAdnmfgyKw",
    "session_number": 2,
    "status": b"A\x00\xff",
}
TUPLE = ([265867233, 265868503, 265252341, 265243910, 265879514, 266219766, 266021701], 60)
GROUP = [dict(DICT, id=i, parent=(i // 2, str(i))) for i in range(100)]
LISTS = [[n, (n, n + 1), {n: [n]}] for n in range(2000)]

size = 0
for protocol in (2, 4, 5):
    for _ in range(4500):
        size += len(pickle.dumps(DICT, protocol)) + len(pickle.dumps(TUPLE, protocol))
    for _ in range(90):
        packed = pickle.dumps(GROUP, protocol)
        size += len(packed)
        assert pickle.loads(packed) == GROUP
    for _ in range(45):
        packed = pickle.dumps(LISTS, protocol)
        size += len(packed)
        assert pickle.loads(packed) == LISTS
print("bytes", size)
