"""What holidays and disturbances add: the same run without them, from the same draws (model 12)."""

from __future__ import annotations

import sim
from sim.summary import Table


def test_a_run_with_a_holiday_says_what_it_would_be_without() -> None:
    holiday = sim.load("scenarios/christmas.yaml").changed(
        {"guarantees": [{"measure": "lost_devices", "at_most": 0}], "replications": 3}
    )
    result = sim.run(holiday, engine="process")
    without = result.without_common_causes
    assert without is not None
    plain = sim.run(holiday.changed({"calendar": {"holidays": []}}), engine="process")
    assert without.fingerprint == plain.fingerprint
    assert plain.without_common_causes is None
    told = result.to_json()["without_common_causes"]
    assert (told["lost_devices"]["mean"], told["lost_devices"]["quantiles"]["0.95"]) == (0, 0)
    assert [each["verdict"] for each in told["guarantees"]] == ["proved"]
    assert [verdict.verdict for verdict in result.guarantees] == ["fails"]
    lost = [row["lost_devices"] for row in result.runs]
    assert all(100 < (each or 0) < 300 for each in lost)  # of 400 at 50 %, sd 10
    (table,) = (part for part in result.summary().parts if part.title.startswith("Holidays"))
    assert isinstance(table, Table)
    assert table.rows[0][2] == table.rows[1][2].split(" to ")[1] == "0"
    assert table.rows[2][1:] == ("fails", "proved")
