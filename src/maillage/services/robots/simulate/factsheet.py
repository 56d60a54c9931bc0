"""What a simulated robot says of itself (VDA 5050, 6.15)."""

from typing import Any

from maillage.services.robots.simulate.body import Model
from maillage.services.robots.simulate.driver import INSTANT_ACTIONS, NODE_ACTIONS


def factsheet_of(model: Model) -> dict[str, Any]:
    """All but the header."""
    return {
        "typeSpecification": {
            "seriesName": model.series,
            "agvKinematic": "DIFF",
            "agvClass": "CARRIER",
            "maxLoadMass": 0.0,
            "localizationTypes": ["NATURAL"],
            "navigationTypes": ["AUTONOMOUS"],
        },
        "physicalParameters": {
            "speedMin": 0.05,
            "speedMax": model.speed_mps,
            "accelerationMax": 0.5,
            "decelerationMax": 0.5,
            "heightMax": 1.2,
            "width": model.width_m,
            "length": model.length_m,
        },
        "protocolLimits": {
            "maxStringLens": {"msgLen": 262_144},
            "maxArrayLens": {"order.nodes": 200, "order.edges": 199, "node.actions": 8},
            "timing": {"minOrderInterval": 0.0, "minStateInterval": 0.0},
        },
        "protocolFeatures": {
            "optionalParameters": [],
            "agvActions": [
                *({"actionType": name, "actionScopes": ["NODE"]} for name in NODE_ACTIONS),
                *({"actionType": name, "actionScopes": ["INSTANT"]} for name in INSTANT_ACTIONS),
            ],
        },
        "agvGeometry": {},
        "loadSpecification": {},
    }
