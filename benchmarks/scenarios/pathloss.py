"""Median path loss by TR 38.901: evaluations a second, against ns-3's models looped over in C++."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.path_loss import path_loss_db
from maillage.services.roof.radio.scenarios import CONDITIONS, SCENARIOS, Condition, Scenario
from maillage.services.roof.radio.validity import DISTANCE_MIN_M, distance_max_m

FC_GHZ, H_UT_M = 3.5, 1.5
H_BS_M: dict[Scenario, float] = {"UMa": 25.0, "UMi": 10.0, "RMa": 35.0}
DISTANCES = 200_000
NS3_MODELS = {"UMa": "ThreeGppUma", "UMi": "ThreeGppUmiStreetCanyon", "RMa": "ThreeGppRma"}
NS3_LOOP = """
void maillage_path_losses(ns3::Ptr<ns3::ThreeGppPropagationLossModel> model, double fc_hz, double h_bs, double h_ut,
                          const double* d2d, double* loss, int count)
{
  using namespace ns3;
  model->SetFrequency(fc_hz);
  auto here = CreateObject<ConstantPositionMobilityModel>();
  auto there = CreateObject<ConstantPositionMobilityModel>();
  auto sender = CreateObject<Node>();
  auto receiver = CreateObject<Node>();
  sender->AggregateObject(here);
  receiver->AggregateObject(there);
  here->SetPosition(Vector(0, 0, h_bs));
  for (int i = 0; i < count; i++) {
    there->SetPosition(Vector(d2d[i], 0, h_ut));
    loss[i] = -model->CalcRxPower(0, here, there);
  }
}
"""


class Case(NamedTuple):
    scenario: Scenario
    condition: Condition
    d2d_m: FloatArray


Losses = Callable[[Case], FloatArray]


def run(setting: Setting) -> Outcome:
    """Every side works through the same distances of all scenarios and conditions, one call for each pair."""
    count = DISTANCES // 10 if setting.quick else DISTANCES
    cases = [
        Case(scenario, condition, np.linspace(DISTANCE_MIN_M, distance_max_m(scenario, condition), count))
        for scenario in SCENARIOS
        for condition in CONDITIONS
    ]
    sides: dict[str, Losses] = {"ours": _ours}
    notes = [f"{count:,} distances for each of {len(cases)} pairs of scenario and condition, one thread"]
    ns3 = _ns3()
    if ns3 is None:
        notes.append("ns3 is not installed (pip install ns3): no column for it")
    else:
        sides["ns-3"] = ns3
        gap_db = max(float(np.abs(_ours(case) - ns3(case)).max()) for case in cases)
        notes.append(f"ns-3: a loop compiled in C++ over CalcRxPower; largest gap to ours {gap_db:.2g} dB")
    rounds = alternate(setting, {name: _rate(side, cases) for name, side in sides.items()})
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    lines = [Line("path losses", "/s", columns["ours"], columns.get("ns-3", []), "ns-3" if ns3 else "")]
    return Outcome("pathloss", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _ours(case: Case) -> FloatArray:
    return path_loss_db(case.scenario, case.condition, case.d2d_m, FC_GHZ, H_BS_M[case.scenario], H_UT_M)


def _rate(side: Losses, cases: list[Case]) -> Callable[[], float]:
    def measured() -> float:
        began = time.perf_counter()
        done = sum(len(side(case)) for case in cases)
        return done / (time.perf_counter() - began)

    return measured


def _ns3() -> Losses | None:
    try:
        from ns import ns
    except ImportError:
        return None
    ns.cppyy.cppdef(NS3_LOOP)
    models: dict[tuple[str, str], Any] = {}
    for scenario, name in NS3_MODELS.items():
        for condition in CONDITIONS:
            model = ns.CreateObject[getattr(ns, f"{name}PropagationLossModel")]()
            model.SetAttribute("ShadowingEnabled", ns.BooleanValue(False))
            always = "AlwaysLosChannelConditionModel" if condition == "LOS" else "NeverLosChannelConditionModel"
            model.SetChannelConditionModel(ns.CreateObject[getattr(ns, always)]())
            models[scenario, condition] = model

    def side(case: Case) -> FloatArray:
        loss_db = np.zeros(len(case.d2d_m))
        ns.cppyy.gbl.maillage_path_losses(
            models[case.scenario, case.condition],
            FC_GHZ * 1e9,
            H_BS_M[case.scenario],
            H_UT_M,
            case.d2d_m,
            loss_db,
            len(loss_db),
        )
        return loss_db

    return side
