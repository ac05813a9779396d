"""What holidays and disturbances add: the same run without them, from the same draws (model 12)."""

from __future__ import annotations

import sim


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
    words = str(result.summary().parts)
    assert "without holidays and disturbances" in words
