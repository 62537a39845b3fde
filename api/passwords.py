"""What a password must be: long enough, not the login, not one of those that are tried first. Pure.

Length and a list of known bad ones, after NIST SP 800-63B section 5.1.1.2; no rules of character classes.
"""

from __future__ import annotations

LEAST, MOST = 10, 200
# of the first thousand of published lists, those that are long enough to pass, and what people make of them to reach the length
COMMON = frozenset(
    """
    1234567890 12345678910 123456789012 0123456789 0987654321 9876543210 1111111111 0000000000 8888888888 6666666666 1q2w3e4r5t 1q2w3e4r5t6y
    1qaz2wsx3edc qazwsxedcrfv zaq12wsxcde3 qwertyuiop qwertyuiop1 qwerty12345 qwerty123456 qwertyuiop123 asdfghjkl1 asdfghjkl; zxcvbnm123
    password12 password123 password1234 password12345 password123456 passw0rd123 p@ssw0rd123 p@ssword123 mypassword mypassword1 iloveyou12
    iloveyou123 iloveyou1314 woaini1314 woaini520520 woaini5201314 5201314520 administrator1 admin12345 admin123456 admin1234567
    adminadmin adminadmin1 root123456 rootroot123 test123456 test1234567 testtest123 welcome123 welcome1234 welcome2024 welcome2025
    welcome2026 changeme123 changeme1234 letmein1234 letmein12345 abc1234567 abc12345678 abcd123456 abcd1234567 abcdefghij abcdefghijk
    a123456789 a1234567890 aa12345678 aa123456789 q123456789 qq123456789 w123456789 z123456789 zxc1234567 asd1234567 asdf123456 qwe1234567
    qweasdzxc1 qweasdzxc123 football123 baseball123 superman123 sunshine123 princess123 dragon12345 monkey12345 shadow12345 master12345
    michael123 jordan12345 sitewarden sitewarden1 sitewarden123 supervisor supervisor1 manager123 operator123 enterprise enterprise1
    """.split()  # noqa: SIM905 - a list of a hundred quoted words would be no easier to read
)


def problem(password: str, login: str = "", name: str = "") -> str | None:
    """Why this is no password, or None."""
    low = password.casefold().strip()
    if not LEAST <= len(password) <= MOST:
        return f"a password has {LEAST} to {MOST} characters"
    if low in COMMON or low.rstrip("0123456789!.@#") in ("password", "administrator", "sitewarden", "welcome", "qwertyuiop"):
        return "this password is among the first that are tried: choose another"
    if len(set(low)) < 4:
        return "a password has at least 4 different characters"
    for own in (login.casefold(), name.casefold()):
        if len(own) >= 4 and own in low and len(low) - len(own) < 6:
            return "a password is not the login or the name with something added"
    return None
