"""The notations of dates that are parsed, and strings that are not dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exifinator.metadata.dates import PhotoDate, is_blank_date, parse_date, parse_offset, to_utc

EVENING = datetime(2019, 5, 1, 20, 13, 7)


@pytest.mark.parametrize(
    ("text", "local", "precision", "offset"),
    [
        ("2019:05:01 20:13:07", EVENING, "second", None),
        ("2019-05-01T20:13:07", EVENING, "second", None),
        ("2019/05/01 20:13:07", EVENING, "second", None),
        ("2019.05.01 20.13.07", EVENING, "second", None),
        ("2019-05-01-20.13.07", EVENING, "second", None),
        ("2019:05:01 20:13:07\0\0", EVENING, "second", None),
        ("2019: 5: 1 20:13: 7", EVENING, "second", None),
        ("2019/05/01 20:13", datetime(2019, 5, 1, 20, 13), "minute", None),
        ("2019:05:01 20:13:", datetime(2019, 5, 1, 20, 13), "minute", None),
        ("2019:05:01", datetime(2019, 5, 1), "day", None),
        ("2019:05:01   :  :  ", datetime(2019, 5, 1), "day", None),
        ("1978-05", datetime(1978, 5, 1), "month", None),
        ("1978:05:00 00:00:00", datetime(1978, 5, 1), "month", None),
        ("1978", datetime(1978, 1, 1), "year", None),
        ("1978:  :     :  :  ", datetime(1978, 1, 1), "year", None),
        ("20190501", datetime(2019, 5, 1), "day", None),
        ("19780500", datetime(1978, 5, 1), "month", None),
        ("20190501 201307-0500", EVENING, "second", "-05:00"),
        ("20190501T201307Z", EVENING, "second", "+00:00"),
        ("20190501201307", EVENING, "second", None),
        ("Wed, 01 May 2019 20:13:07 GMT", EVENING, "second", "+00:00"),
        ("1 May 2019 20:13:07 +0200", EVENING, "second", "+02:00"),
        ("Wed May  1 20:13:07 2019", EVENING, "second", None),
        ("May 1, 2019 8:13:07 PM", EVENING, "second", None),
        ("25/12/2019 10:00", datetime(2019, 12, 25, 10), "minute", None),
        ("12/25/2019 10:00", datetime(2019, 12, 25, 10), "minute", None),
        ("2019年5月1日 20:13:07", EVENING, "second", None),
        ("２０１９：０５：０１ ２０：１３：０７", EVENING, "second", None),
        ("٢٠١٩:٠٥:٠١ ٢٠:١٣:٠٧", EVENING, "second", None),
    ],
)
def test_parse_date__each_notation__gives_date_precision_and_offset(text, local, precision, offset):
    assert parse_date(text) == PhotoDate(local, precision, offset)


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        ("Z", "+00:00"),
        (" UTC", "+00:00"),
        ("+2", "+02:00"),
        ("+02", "+02:00"),
        ("-0930", "-09:30"),
        (" +02:00", "+02:00"),
        ("\u221205:00", "-05:00"),
        (" GMT+1", "+01:00"),
        (" CEST", "+02:00"),
        ("+02:00[Europe/Berlin]", "+02:00"),
        ("-07:00 DST", "-07:00"),
        (" CST", None),  # the abbreviation of several time zones
    ],
)
def test_parse_date__time_zone_after_the_time__gives_the_offset(zone, offset):
    assert parse_date(f"2019:05:01 20:13:07{zone}") == PhotoDate(EVENING, "second", offset)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2019:05:01 20:13:07.345", 345),
        ("2019-05-01 20:13:07:794", 794),
        ("2019-05-01T20:13:07,5", 500),
        ("2019-05-01T20:13:07.123456789+02:00", 123),
    ],
)
def test_parse_date__fraction_of_a_second__is_kept_in_milliseconds(text, milliseconds):
    date = parse_date(text, "9")
    assert date
    assert date.local == EVENING.replace(microsecond=1000 * milliseconds)


@pytest.mark.parametrize(
    ("sub_seconds", "milliseconds"), [("25", 250), ("123456", 123), ("  ", 0), ("x", 0), (None, 0)]
)
def test_parse_date__fraction_from_another_tag__is_added(sub_seconds, milliseconds):
    date = parse_date("2019:05:01 20:13:07", sub_seconds)
    assert date
    assert date.local.microsecond == 1000 * milliseconds


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2019:05:01 08:13:07 PM", 20),
        ("2019:05:01 08:13:07 AM", 8),
        ("2019:05:01 12:13:07 AM", 0),
        ("2019:05:01 12:13:07 pm", 12),
        ("2019:05:01 08:13:07 p.m.", 20),
        ("2019:05:01 08:13:07 p. m.", 20),
        ("2019:05:01 下午 08:13:07", 20),
        ("2019:05:01 下午8:13:07", 20),
        ("2019:05:01 08:13:07 上午", 8),
        ("2019:05:01 凌晨 02:13:07", 2),
        ("2019:05:01 晚上 08:13:07", 20),
        ("2019:05:01 中午 01:13:07", 13),
        ("2019:05:01 午後 08:13:07", 20),
        ("2019:05:01 오후 8:13:07", 20),
        ("2019:05:01 오전 12:13:07", 0),
        ("2019. 5. 1. 오후 8:13:07", 20),
        ("2019:05:01 م 08:13:07", 20),
        ("2019:05:01 20:13:07 PM", 20),
        ("2019:05:01 " + "下午".encode("gbk").decode("latin-1") + "08:13:07", 20),
        ("2019:05:01 " + "下午".encode("big5").decode("cp1252") + " 08:13:07", 20),
        ("2019:05:01 " + "오후".encode("euc-kr").decode("latin-1") + " 8:13:07", 20),
    ],
)
def test_parse_date__marker_of_am_or_pm__gives_the_hour(text, hour):
    assert parse_date(text) == PhotoDate(datetime(2019, 5, 1, hour, 13, 7), "second")


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2019:01:01 24:04:20", datetime(2019, 1, 1, 0, 4, 20)),
        ("2019:05:01 24:00:00", datetime(2019, 5, 1)),
        ("2019-05-01T24:00:00", datetime(2019, 5, 2)),
        ("2019:05:01 23:59:60", datetime(2019, 5, 1, 23, 59, 59)),
    ],
)
def test_parse_date__hour_24_or_second_60__becomes_a_valid_time(text, local):
    assert parse_date(text) == PhotoDate(local, "second")


@pytest.mark.parametrize(
    "text",
    [
        "2019:05:01 08:13:07 xyz",
        "2019:05:01 08:13:07 下",
        "2019:05:01 13:13:07 AM",
        "2019:05:01 08:13:07 AM PM",
        "2019:05:01 20:13:07+99:00",
        "2019:05:01 25:00:00",
        "2019:05:01 20:60:00",
        "2019:02:30 10:00:00",
        "2019:13:01 10:00:00",
        "05/04/2019 10:00",
        "yesterday",
        "2019:05:01 20:13:07 " + "x" * 10_000,
        "9" * 50,
    ],
)
def test_parse_date__text_that_is_not_a_date_as_a_whole__is_none_and_not_blank(text):
    assert parse_date(text) is None
    assert not is_blank_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "0000:00:00 00:00:00", "    :  :     :  :  ", "0000:05:01 20:00:00", "----:--:-- --:--:--",
        "0001-01-01T00:00:00", "65535:65535:65535 65535:65535:65535", "\0" * 19,
    ],
)  # fmt: skip
def test_is_blank_date__date_that_was_never_set__is_blank_and_parsed_as_none(text):
    assert parse_date(text) is None
    assert is_blank_date(text)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("+02:00", "+02:00"), ("-0930", "-09:30"), ("+00:00", "+00:00"), ("Z", "+00:00"), (" +5 ", "+05:00"),
        ("   :  ", None), ("+99:00", None), ("+02:75", None), (None, None), ("x" * 1000, None),
    ],
)  # fmt: skip
def test_parse_offset__text__is_an_offset_or_none(text, offset):
    assert parse_offset(text) == offset


def test_to_utc__offset__is_subtracted_if_there_is_one():
    assert to_utc(PhotoDate(EVENING, "second", "-05:30")) == datetime(2019, 5, 2, 1, 43, 7, tzinfo=UTC)
    assert to_utc(PhotoDate(EVENING, "second")) is None
    assert to_utc(PhotoDate(datetime(1, 1, 1, 0, 0, 1), "second", "+02:00")) is None
