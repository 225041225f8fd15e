"""Object keys that S3 accepts, but that programs easily mishandle."""

# A key with a newline has a separate test, because moto rejects newlines.
KEYS = [
    "plain.jpg", "with space.jpg", "a+b.jpg", "100%.jpg", "a%20b.jpg", "a#b.jpg", "a?b.jpg", "x//y.jpg", "/lead.jpg",
    "../up.jpg", "a/../b.jpg", "./dot.jpg", "tab\t.jpg", "emoji 📷.jpg", "ü.jpg", "u\u0308.jpg", "é" * 512, "x" * 1024,
    "a&b=c;d.jpg", "quote'\".jpg", "<b>bold</b>.jpg", "back\\slash.jpg", "trailing/ ", "a\x1fb", "\x01control",
    "~tilde*!().jpg", "{$where}.jpg", "colon:at@.jpg", "no extension", "%s%n{0}.jpg",
]  # fmt: skip
