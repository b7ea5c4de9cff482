"""AES in counter mode in plain Python: tables, lists, exclusive ors."""


def boxes():
    """The substitution box, by the field's inverses."""
    p = q = 1
    box = [0] * 256
    while True:
        p = p ^ (p << 1) & 0xFF ^ (0x1B if p & 0x80 else 0)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4)
        box[p] = x & 0xFF ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


BOX = boxes()
TWICE = [x << 1 & 0xFF ^ (0x1B if x & 0x80 else 0) for x in range(256)]
T0, T1, T2, T3 = [], [], [], []
for s in BOX:
    two, three = TWICE[s], TWICE[s] ^ s
    T0.append(two << 24 | s << 16 | s << 8 | three)
    T1.append(three << 24 | two << 16 | s << 8 | s)
    T2.append(s << 24 | three << 16 | two << 8 | s)
    T3.append(s << 24 | s << 16 | three << 8 | two)


class Aes:
    def __init__(self, key):
        words = [int.from_bytes(key[i : i + 4], "big") for i in range(0, len(key), 4)]
        self.rounds = len(words) + 6
        constant, n = 1, len(words)
        for i in range(n, 4 * (self.rounds + 1)):
            word = words[-1]
            if i % n == 0:
                word = (word << 8 | word >> 24) & 0xFFFFFFFF
                word = self.substitute(word) ^ constant << 24
                constant = TWICE[constant]
            elif n > 6 and i % n == 4:
                word = self.substitute(word)
            words.append(words[i - n] ^ word)
        self.keys = [words[i : i + 4] for i in range(0, len(words), 4)]

    @staticmethod
    def substitute(w):
        return BOX[w >> 24] << 24 | BOX[w >> 16 & 255] << 16 | BOX[w >> 8 & 255] << 8 | BOX[w & 255]

    def encrypt(self, block):
        keys = self.keys
        state = [
            int.from_bytes(block[i : i + 4], "big") ^ key for i, key in zip((0, 4, 8, 12), keys[0])
        ]
        for r in range(1, self.rounds):
            state = [
                T0[state[i] >> 24]
                ^ T1[state[(i + 1) % 4] >> 16 & 255]
                ^ T2[state[(i + 2) % 4] >> 8 & 255]
                ^ T3[state[(i + 3) % 4] & 255]
                ^ keys[r][i]
                for i in range(4)
            ]
        out = bytearray()
        last = keys[self.rounds]
        for i in range(4):
            word = (
                BOX[state[i] >> 24] << 24
                | BOX[state[(i + 1) % 4] >> 16 & 255] << 16
                | BOX[state[(i + 2) % 4] >> 8 & 255] << 8
                | BOX[state[(i + 3) % 4] & 255]
            ) ^ last[i]
            out += word.to_bytes(4, "big")
        return out

    def counter_mode(self, data, counter):
        out = bytearray()
        for i in range(0, len(data), 16):
            stream = self.encrypt(counter.to_bytes(16, "big"))
            out += bytes(a ^ b for a, b in zip(data[i : i + 16], stream))
            counter = counter + 1
        return bytes(out)


# The example of FIPS 197.
aes = Aes(bytes(range(16)))
print(aes.encrypt(bytes.fromhex("00112233445566778899aabbccddeeff")).hex())
text = b"This is a test. What could possibly go wrong? " * 900
for size in (16, 24, 32):
    aes = Aes(bytes(range(7, 7 + size)))
    secret = aes.counter_mode(text, 1 << 100)
    print(size, secret[-8:].hex(), aes.counter_mode(secret, 1 << 100) == text)
