"""The scenarios and conditions of TR 38.901 that roofs have to do with."""

from typing import Literal

Scenario = Literal["UMa", "UMi", "RMa"]
"""Urban macro, urban micro (street canyon) and rural macro."""
Condition = Literal["LOS", "NLOS"]
SCENARIOS: tuple[Scenario, ...] = ("UMa", "UMi", "RMa")
CONDITIONS: tuple[Condition, ...] = ("LOS", "NLOS")
