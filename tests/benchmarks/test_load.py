"""What other programs print: dnsperf's statistics and the probe's latencies."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import load, probe

STATISTICS = """\
DNS Performance Testing Tool
Version 2.10.0

[Status] Testing complete (time limit)

Statistics:

  Queries sent:         997124
  Queries completed:    997120 (100.00%)
  Queries lost:         4 (0.00%)

  Response codes:       NOERROR 498560 (50.00%), NXDOMAIN 498560 (50.00%)
  Average packet size:  request 42, response 42
  Run time (s):         3.001891
  Queries per second:   332165.291811

  Average Latency (s):  0.000166 (min 0.000007, max 0.003679)
  Latency StdDev (s):   0.000117
"""


def test_statistics_of_dnsperf() -> None:
    """Numbers are read by their names, rcodes as shares."""
    expected = load.Load(997_120, 4, 332_165.291811, {"NOERROR": 0.5, "NXDOMAIN": 0.5})

    assert expected == load.parse(STATISTICS)


def test_a_server_that_answers_nothing() -> None:
    """No rcodes, rather than a failure."""
    text = STATISTICS.replace("997120", "0").replace("NOERROR 498560 (50.00%), NXDOMAIN", "")

    assert load.parse(text.replace(" 498560 (50.00%)", "")).rcodes == {}


def test_what_is_no_statistics() -> None:
    """It is shown, rather than taken for zeros."""
    with pytest.raises(load.LoadError, match="Queries completed"):
        load.parse("Error: failed to open the file")


def test_a_limited_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate is asked for in whole queries a second."""
    monkeypatch.setattr(load, "program", lambda name: name)

    assert load.command(53, Path("q"), 1.5, 1234.5)[-4:] == ["-l", "1.5", "-Q", "1234"]
    assert "-Q" not in load.command(53, Path("q"), 1.5)


def test_latencies_of_the_probe() -> None:
    """Nanoseconds in any order become microseconds; what had no answer is a share."""
    text = "8 6\n" + "".join(f"{value}000\n" for value in (3, 1, 2, 900, 5, 4))

    assert probe.parse(text) == probe.Latency(6, 3.0, 900.0, 0.25)


def test_a_probe_without_any_answer() -> None:
    """Nothing is faster than that."""
    assert probe.parse("5 0\n") == probe.Latency(0, float("inf"), float("inf"), 1.0)
