"""Origins in a list that a person writes: each named by how its text in the manifest begins."""


def listed_origins(given: object) -> tuple[str, ...]:
    """The origins of a list that was read from TOML.

    Raises:
        TypeError: they are no list of texts; a lone text would be taken letter by letter.
    """
    if not isinstance(given, list) or not all(isinstance(origin, str) and origin for origin in given):
        raise TypeError(f"origins: found {given!r}, expected a list of texts such as ['Lyon']")
    return tuple(given)
