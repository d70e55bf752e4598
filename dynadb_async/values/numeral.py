"""Python numbers as DynamoDB's decimal text and back, without loss."""

from collections import Counter
from collections.abc import Collection
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any

from dynadb_async.errors import SerializationError

# As AWS documents it, and as DynamoDB Local 3.3 does: 38 digits, zeros at either end not counted, 1e-130 to 9.9…e+125.
DIGITS = Context(prec=38, traps=[])
LOWEST_EXPONENT, HIGHEST_EXPONENT = -130, 125
WHOLE_SURE, WHOLE_OVERFLOW = 10**38, 10**126
FRACTION_LOWEST, FRACTION_OVERFLOW = 1e-130, 1e126

TOO_PRECISE = "the number has more than 38 significant digits; round it, store text, or set allow_imprecise_numbers"
OUT_OF_RANGE = "the number is beyond DynamoDB's range of 1e-130 to 9.99e+125 on either side of 0; store text instead"
NOT_FINITE = "NaN and Infinity have no DynamoDB form; store None or text instead"

UNROUNDED = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])

# Numbers that differ by multiples of 2^61 - 1 have one hash in Python, and a set compares each with all of them.
MOST_ON_ONE_HASH = 100
COLLIDING = f"more than {MOST_ON_ONE_HASH} numbers of the set have the same hash in Python; use a list of texts"

# A float has 15 digits and more: so few, with their point, come back from one as they were.
SURELY_EXACT = 16

# A subclass, such as `numpy.float64`, may have a repr of its own.
_whole_text = int.__repr__
_fraction_text = float.__repr__


def whole_numeral(number: int, *, imprecise: bool = False) -> str:
    """
    The digits of *number*.

    Raises:
        SerializationError: Out of range, or of more than 38 significant digits, which *imprecise* rounds.
    """
    if -WHOLE_SURE < number < WHOLE_SURE:
        return _whole_text(number)
    if not -WHOLE_OVERFLOW < number < WHOLE_OVERFLOW:
        raise SerializationError(OUT_OF_RANGE)
    text = _whole_text(number)
    # Nearly all that is so large is zeros, and a Decimal of it costs six times as much.
    if len(text.lstrip("-").rstrip("0")) <= DIGITS.prec:
        return text
    return str(int(_rounded(Decimal(number), imprecise=imprecise)))


def fraction_numeral(number: float) -> str:
    """
    The shortest text that reads as *number* again; `0` for minus zero, which DynamoDB does not know.

    Raises:
        SerializationError: Out of range, NaN or Infinity.
    """
    if FRACTION_LOWEST <= number < FRACTION_OVERFLOW or -FRACTION_OVERFLOW < number <= -FRACTION_LOWEST:
        return _fraction_text(number)
    return decimal_numeral(Decimal(_fraction_text(number)))


def decimal_numeral(number: Decimal, *, imprecise: bool = False) -> str:
    """
    The text of *number*, whatever the thread's decimal context.

    Raises:
        SerializationError: Out of range, not finite, or of more than 38 significant digits, which *imprecise* rounds.
    """
    if not number.is_finite():
        raise SerializationError(NOT_FINITE)
    return str(_rounded(number, imprecise=imprecise)) if number else "0"


def _rounded(number: Decimal, *, imprecise: bool) -> Decimal:
    if not LOWEST_EXPONENT <= number.adjusted() <= HIGHEST_EXPONENT:
        raise SerializationError(OUT_OF_RANGE)
    rounded = DIGITS.plus(number)
    if rounded != number and not imprecise:
        raise SerializationError(TOO_PRECISE)
    if rounded.adjusted() > HIGHEST_EXPONENT:
        raise SerializationError(OUT_OF_RANGE)
    return rounded


def number_from(numeral: str) -> float | Decimal:
    """
    An int from digits alone; from a fraction or exponent a float where that is exact to the text, else a Decimal.

    Raises:
        ValueError, ArithmeticError, TypeError: This is no number's text.
    """
    # The hot path asks for what is common first; `int()` refusing a fraction would cost more than all of this.
    if numeral.isdecimal():
        return int(numeral)
    has_exponent = "e" in numeral or "E" in numeral
    if not has_exponent and "." not in numeral:
        return int(numeral)
    fraction = float(numeral)
    if not has_exponent and len(numeral) <= SURELY_EXACT:
        return fraction
    shortest = _fraction_text(fraction)
    if shortest == numeral:
        return fraction
    exact = Decimal(numeral)
    return fraction if Decimal(shortest) == exact else exact


def canonical_numeral(number: float | Decimal) -> str:
    """A text that is the same for all that is stored as the same number: 0.1 is Decimal("0.10"), and 100 is 1E+2."""
    exact = Decimal(str(number)) if isinstance(number, float) else Decimal(number)
    return str(UNROUNDED.normalize(exact)) if exact else "0"


def plain_numeral(numeral: str) -> str:
    """
    A number's text as DynamoDB gives it back: without an exponent, and without zeros that say nothing.

    Measured on DynamoDB Local 3.3; a number beyond the range, which it can't hold, stays as it is.
    """
    number = UNROUNDED.normalize(Decimal(numeral))
    if not number:
        return "0"
    return f"{number:f}" if LOWEST_EXPONENT <= number.adjusted() <= HIGHEST_EXPONENT else numeral


def refuse_collisions(numbers: Collection[Any]) -> None:
    """
    Refuse what can't be made a set of without blocking the program.

    Raises:
        SerializationError: Too many of *numbers* have one hash, as only somebody means them to.
    """
    if len(numbers) > MOST_ON_ONE_HASH and max(Counter(map(hash, numbers)).values()) > MOST_ON_ONE_HASH:
        raise SerializationError(COLLIDING)


def numeral_size(numeral: str) -> int:
    """
    The bytes that DynamoDB counts for a number: one, one for each two digits, and one for a minus.

    The pairs are those of base 100, so that 150 takes two as 1500 takes one (measured on DynamoDB Local 3.3).
    """
    sign, exponent, text = numeral.startswith("-"), 0, numeral.lstrip("-+")
    if not text.isdecimal():
        # A Decimal's digits would take ten times as long.
        mantissa, _, power = text.upper().partition("E")
        whole, _, fraction = mantissa.partition(".")
        text, exponent = whole + fraction, int(power or 0) - len(fraction)
    significant = text.rstrip("0")
    is_odd = (exponent + len(text) - len(significant)) % 2
    significant = significant.lstrip("0")
    return 1 + (len(significant) + is_odd + 1) // 2 + sign if significant else 1
