"""A FAKE of the few parts of datatable 1.1 that daimojo's users touch. Nothing of it is H2O's."""

bool8, int32, int64, float32, float64, str32 = "bool8", "int32", "int64", "float32", "float64", "str32"
_PYTHON = {"bool8": bool, "int32": int, "int64": int, "float32": float, "float64": float, "str32": str}


class Frame:
    """Columns of equal length with a type each; a value of another type is refused, as datatable would."""

    def __init__(self, columns: dict[str, list], types: dict[str, str]) -> None:
        for name, values in columns.items():
            for value in values:
                if value is not None and type(value) is not _PYTHON[types[name]]:
                    raise TypeError(f"{name}: {value!r} is no {types[name]}")
        self.columns = columns
        self.names = tuple(columns)
        self.nrows = len(next(iter(columns.values())))

    def to_list(self) -> list[list]:
        return list(self.columns.values())
