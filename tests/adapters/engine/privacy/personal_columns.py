"""Columns of personal and of other values, made by chance: what detection should and should not find."""

import random
import string
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module

Chance = random.Random
Maker = Callable[[Chance], str]


def digits(chance: Chance, count: int) -> str:
    return "".join(chance.choices(string.digits, k=count))


def luhn(stem: str) -> str:
    """The stem with its Luhn digit."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(stem)))
    return f"{stem}{-total % 10}"


def card(chance: Chance) -> str:
    head, length = chance.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16)]
    )
    number = luhn(head + digits(chance, length - len(head) - 1))
    joint = chance.choice(["", " ", "-"])
    return joint.join(number[start : start + 4] for start in range(0, length, 4)) if length == 16 else number


def iban(chance: Chance) -> str:
    country, shape = chance.choice(
        [("DE", "9" * 18), ("GB", "AAAA" + "9" * 14), ("NL", "AAAA" + "9" * 10), ("FR", "9" * 23)]
    )
    account = "".join(chance.choice(string.ascii_uppercase if each == "A" else string.digits) for each in shape)
    number = "".join(str(int(each, 36)) for each in account + country)
    whole = f"{country}{98 - int(number) * 100 % 97:02}{account}"
    return whole if chance.random() < 0.5 else " ".join(whole[start : start + 4] for start in range(0, len(whole), 4))


def email(chance: Chance) -> str:
    name = chance.choice(["jane.doe", "j", "o'neil", "zoë", "a+b", "info", "x_y-z"]) + digits(chance, 3)
    return f"{name}@{chance.choice(['example.com', 'mail.example.co.uk', 'xn--bcher-kva.example', 'bücher.example'])}"


def phone(chance: Chance) -> str:
    return chance.choice(
        [
            f"+1 212 {digits(chance, 3)} {digits(chance, 4)}",
            f"+44 20 7{digits(chance, 3)} {digits(chance, 4)}",
            f"+49 (30) {digits(chance, 7)}",
            f"+33-1-{digits(chance, 2)}-{digits(chance, 2)}-{digits(chance, 2)}-{digits(chance, 2)}",
            f"+1-555-{digits(chance, 3)}-{digits(chance, 4)}",
        ]
    )


def local_phone(chance: Chance) -> str:
    return f"({chance.choice(['212', '415', '617'])}) {chance.randint(200, 999)}-{digits(chance, 4)}"


def ip(chance: Chance) -> str:
    if chance.random() < 0.3:
        return ":".join(f"{chance.randint(0, 65535):x}" for _ in range(8))
    return ".".join(str(chance.randint(1, 254)) for _ in range(4))


def national(module: str, stem: Maker, tails: Sequence[str]) -> Maker:
    """Numbers of a country: a stem, and the one ending that makes it valid."""
    valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid

    def made(chance: Chance) -> str:
        while True:
            start = stem(chance)
            for tail in tails:
                if valid(start + tail):
                    return start + tail

    return made


ONE = list(string.digits)
TWO = [f"{number:02}" for number in range(100)]
NATIONAL: dict[str, Maker] = {
    "nl.bsn": national("nl.bsn", lambda chance: digits(chance, 8), ONE),
    "br.cpf": national("br.cpf", lambda chance: digits(chance, 9), TWO),
    "pl.pesel": national("pl.pesel", lambda chance: f"{day(chance):%y%m%d}{digits(chance, 4)}", ONE),
    "es.dni": national("es.dni", lambda chance: digits(chance, 8), list(string.ascii_uppercase)),
    "se.personnummer": national("se.personnummer", lambda chance: f"{day(chance):%y%m%d}-{digits(chance, 3)}", ONE),
    "be.nn": national("be.nn", lambda chance: f"{day(chance):%y%m%d}{digits(chance, 3)}", TWO),
    "us.ssn": lambda chance: f"{chance.randint(1, 665):03}-{chance.randint(1, 99):02}-{chance.randint(1, 9999):04}",
}


def day(chance: Chance) -> date:
    return date(1940, 1, 1) + timedelta(days=chance.randrange(21_000))


def moment(chance: Chance) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(10**8))


OTHERS: dict[str, Maker] = {
    "price": lambda chance: f"{chance.randint(0, 99999)}.{chance.randint(0, 99):02}",
    "id": lambda chance: str(chance.randint(1, 10**9)),
    "order_id": lambda chance: digits(chance, 16),
    "account_no": lambda chance: digits(chance, 9),
    "reference": lambda chance: digits(chance, 11),
    "barcode": lambda chance: digits(chance, 13),
    "epoch": lambda chance: str(int(moment(chance).timestamp())),
    "epoch_ms": lambda chance: str(int(moment(chance).timestamp() * 1000)),
    "uuid": lambda chance: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    "sha": lambda chance: f"{chance.getrandbits(160):040x}",
    "seen_at": lambda chance: moment(chance).isoformat(),
    "clock": lambda chance: f"{moment(chance):%H:%M:%S}",
    "ordered_on": lambda chance: f"{moment(chance):%Y-%m-%d}",
    "compact_day": lambda chance: f"{moment(chance):%Y%m%d}",
    "sku": lambda chance: f"{''.join(chance.choices(string.ascii_uppercase, k=3))}-{digits(chance, 5)}",
    "part": lambda chance: f"{digits(chance, 3)}-{digits(chance, 4)}-{digits(chance, 3)}",
    "isbn": lambda chance: f"978{digits(chance, 10)}",
    "year": lambda chance: str(chance.randint(1900, 2030)),
    "version": lambda chance: ".".join(str(chance.randint(0, 20)) for _ in range(4)),
    "country": lambda chance: chance.choice(["Germany", "France", "United Kingdom", "Spain"]),
    "product_name": lambda chance: chance.choice(["Blue Chair", "Oak Table", "Desk Lamp"]),
    "mac": lambda chance: ":".join(f"{chance.randint(0, 255):02x}" for _ in range(6)),
    "url": lambda chance: f"https://example.com/a/{digits(chance, 6)}?q=@home",
    "coordinates": lambda chance: f"{chance.uniform(-90, 90):.6f}, {chance.uniform(-180, 180):.6f}",
    "note": lambda chance: chance.choice(["sent in 2 parts", "call back at 3", "order 1234567 was late", "ok"]),
    "delta": lambda chance: f"{chance.randint(-999, 999):+}",
    "percent": lambda chance: f"{chance.uniform(0, 100):.1f}%",
    "birth_weight": lambda chance: str(chance.randint(2200, 4900)),
    "card_type": lambda chance: chance.choice(["VISA", "AMEX"]),
    "tel_count": lambda chance: str(chance.randint(0, 9)),
}
