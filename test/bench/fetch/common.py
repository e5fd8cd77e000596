"""What the benches of model-fetch share."""
import os
import struct

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
PORT = 18099


def make_gguf(path, size):
    """A GGUF of noise with one tensor."""
    def text(word):
        return struct.pack("<Q", len(word)) + word.encode()
    count = size // 4
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    head += text("w") + struct.pack("<IQIQ", 1, count, 0, 0)
    head += b"\0" * (-len(head) % 32)
    with open(path, "wb") as out:
        out.write(head)
        for _ in range(count * 4 // (1 << 20)):
            out.write(os.urandom(1 << 20))
