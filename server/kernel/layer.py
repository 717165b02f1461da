"""The layers of the lake in which rows stand."""

from enum import StrEnum


class Layer(StrEnum):
    """How refined rows are: typed, treated, published."""

    BRONZE = "BRONZE"
    SILVER = "SILVER"
    GOLD = "GOLD"
