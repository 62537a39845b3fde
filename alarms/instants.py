"""A moment as people read it in a sentence, without a clock or a calendar library: ISO 8601 in UTC."""

from __future__ import annotations


def iso_utc(at_ms: int) -> str:
    """`2026-11-22T06:45:38Z`. The civil date of a day number is Howard Hinnant's `civil_from_days` (proleptic Gregorian)."""
    days, second = divmod(at_ms // 1000, 86_400)
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153  # months since March
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + 400 * era + (1 if month <= 2 else 0)
    return f"{year:04d}-{month:02d}-{day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
