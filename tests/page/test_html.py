"""Inserting the guard: the place, the encodings, streaming."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ParseError
from rtcguard.page.charset import sniff_charset
from rtcguard.page.html import Inserter, looks_like_html, looks_like_xml

ELEMENT = b"<script>X</script>"


def inserted(data: bytes, charset: str | None = "utf-8", *, xml: bool = False) -> bytes:
    inserter = Inserter("X", charset, xml=xml)
    return inserter.feed(data) + inserter.finish()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"", b"<html>"),
        (b"", b"text"),
        (b"", b"<script>page()</script>"),
        (b"", b"<"),
        (b"", b"<p"),
        (b"", b"</p><!doctype html>"),
        (b"", b"\0<!doctype html>"),
        (b"<!doctype html>", b""),
        (b"<!DOCTYPE html>\r\n", b"<html lang=de><head>"),
        (b'\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x">\n', b"<html>"),
        (b'<!DOCTYPE html PUBLIC "a>', b'b"><script>'),  # a quoted > ends a doctype too
        (b"<!-- a --><!doctype html><!-- b -->", b"<p>"),
        (b"<!--><!doctype html>", b"<p>"),
        (b"<!---><!doctype html>", b"<p>"),
        (b"<!----><!doctype html>", b"<p>"),
        (b"<!-- --!><!doctype html>", b"<p>"),
        (b"<!-- <script>evil()</script> -- > --!- --->", b"<p>"),
        (b"<!--->", b"<script>evil()</script>-->"),
        (b'<?xml version="1.0"?><!doctype html>', b"<html>"),
        (b"<?php if (1 > ", b"0) ?><html>"),
        (b"<![CDATA[ x ]]>", b"<p>"),
        (b"</><!doctype html>", b"<html>"),
        (b"</ x><!x><!doctype html>", b"<html>"),
        (b"\xef\xbb\xbf<!doctype html>", b"<p>"),
        (b"<!doctype html>", b"\xef\xbb\xbf<p>"),
        (b"<!doctype html>", b"\xe4\xb8\xad"),
    ],
)
def test_the_place(before: bytes, after: bytes) -> None:
    assert inserted(before + after) == before + ELEMENT + after


@pytest.mark.parametrize("data", [b"<!doctype html", b"<!-- never closed <p>", b"<?x"])
def test_a_document_that_never_starts_executes_nothing_and_stays(data: bytes) -> None:
    assert inserted(data) == data


@pytest.mark.parametrize(
    ("encoding", "charset", "mark"),
    [
        ("utf-16-le", None, b"\xff\xfe"),
        ("utf-16-be", None, b"\xfe\xff"),
        ("utf-16-le", "utf-8", b"\xff\xfe"),  # the mark speaks louder
        ("utf-16-le", "utf-16", b""),
        ("utf-16-be", "utf-16be", b""),
    ],
)
def test_utf_16(encoding: str, charset: str | None, mark: bytes) -> None:
    before, after = "<!doctype html><!-- ⸺ㄭㄭ㸾 -->", "<p>ä中𝄞"
    data = mark + (before + after).encode(encoding)
    expected = mark + (before + ELEMENT.decode() + after).encode(encoding)
    assert inserted(data, charset) == expected


def test_an_utf_16_header_with_an_utf_8_mark_is_utf_8() -> None:
    assert inserted(b"\xef\xbb\xbf<p>", "utf-16") == b"\xef\xbb\xbf" + ELEMENT + b"<p>"


def test_iso_2022_jp_in_a_comment_is_refused() -> None:
    """There `-->` may be half of two kanji, and the comment goes on."""
    with pytest.raises(ParseError):
        inserted(b"<!-- \x1b$B --> \x1b(B --><script>evil()</script>", "iso-2022-jp")


PIECES = st.sampled_from(
    [
        *(b"<!--", b"-->", b"--!>", b"-", b"<!", b"<?", b"</", b">", b"<", b"<p>", b"<!doctype "),
        *(
            b"html>",
            b" ",
            b"\n",
            b"a",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\0",
            b'"',
            b"<meta charset=",
        ),
    ]
)
DOCUMENTS = st.builds(b"".join, st.lists(PIECES, max_size=20))
CHARSETS = st.sampled_from([None, "utf-8", "utf-16le", "utf-16be", "shift_jis"])


@given(DOCUMENTS, CHARSETS, st.lists(st.integers(0, 40), max_size=12), st.booleans())
def test_chunks_make_no_difference_and_the_rest_is_untouched(
    data: bytes, charset: str | None, cuts: list[int], long: bool
) -> None:
    data += b"<p>" * 400 if long else b""
    whole = inserted(data, charset)
    inserter = Inserter("X", charset)
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [inserter.feed(data[a:b]) for a, b in itertools.pairwise(bounds)]
    assert b"".join(parts) + inserter.finish() == whole
    text = ELEMENT.decode()
    said = re.sub(rb'<meta charset="[^"]*">(?=' + re.escape(ELEMENT) + rb")", b"", whole)
    elements = (ELEMENT, text.encode("utf-16-le"), text.encode("utf-16-be"))
    assert data in {whole, *(said.replace(element, b"", 1) for element in elements)}


def test_only_the_head_is_held() -> None:
    inserter = Inserter("X", "utf-8")
    assert inserter.feed(b"<!doctype html><!--" + b"c" * 5000) != b""
    assert inserter.feed(b"--><p>").endswith(ELEMENT + b"<p>")
    assert inserter.feed(b"more") == b"more"
    assert inserter.finish() == b""


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (b"<!doctype html><meta charset=koi8-r>", b'<meta charset="koi8-r">'),
        ((b"<!doctype html><p>" + b" " * 1024)[:1024], b""),
        (b"<!doctype html><head></head>", b""),
        (b"<!doctype html><body>", b""),
    ],
)
def test_a_charset_is_said_again_in_front_as_soon_as_it_is_known(
    data: bytes, declared: bytes
) -> None:
    inserter = Inserter("X")
    assert inserter.feed(data[:-1]) == b""
    assert inserter.feed(data[-1:]).startswith(b"<!doctype html>" + declared + ELEMENT)


def test_a_byte_order_mark_needs_no_declaration() -> None:
    mark = b"\xef\xbb\xbf"
    assert inserted(mark + b"<meta charset=koi8-r>", None).startswith(mark + ELEMENT)


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        (b"", None),
        (b"<meta charset=utf-8>", "utf-8"),
        (b"<META CHARSET='Windows-1251' />", "windows-1251"),
        (b'<meta/charset="big5">', "big5"),
        (b'<html><head><title>x</title><meta name=a><meta charset="gbk">', "gbk"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS">', "shift_jis"),
        (b"<meta content='text/html; charset = \"euc-kr\"' http-equiv=content-type>", "euc-kr"),
        (b'<meta content="text/html; charset=utf-8">', None),
        (b"<meta charset=utf-16>", "utf-8"),
        (b"<meta charset=x-user-defined>", "windows-1252"),
        (b"<meta charset=nonsense><meta charset=koi8-u>", "koi8-u"),
        (b"<meta charset=utf-8 charset=gbk>", "utf-8"),
        (b"<!-- <meta charset=gbk> --><meta charset=utf-8>", "utf-8"),
        (b"<!--><meta charset=gbk>", "gbk"),
        (b"<p title='<meta charset=gbk>'><meta charset=utf-8>", "utf-8"),
        (b"<metadata charset=gbk>", None),
        (b"<meta charset=gbk", None),
        (b"<? <meta charset=gbk><meta charset=utf-8>", "utf-8"),
        (b'<?xml version="1.0" encoding="iso-8859-2"?><html>', "iso-8859-2"),
        (b"\xef\xbb\xbf<meta charset=gbk>", "utf-8"),
        (b"\xff\xfe<\0", "utf-16le"),
        (b"\xfe\xff\0<", "utf-16be"),
        (b"<\0?\0x\0m\0", "utf-16le"),
        (b" " * 1020 + b"<meta charset=utf-8>", None),
    ],
)
def test_sniff_charset(head: bytes, charset: str | None) -> None:
    assert sniff_charset(head) == charset


@given(DOCUMENTS | st.binary(max_size=200))
def test_sniffing_never_fails(head: bytes) -> None:
    sniff_charset(head)


@pytest.mark.parametrize(
    ("head", "html", "xml"),
    [
        (b"<!DOCTYPE HTML>", True, False),
        (b" \n<script>", True, False),
        (b"<!-- x", True, False),
        (b"\v<p>", True, False),
        (b"<header>", True, False),  # Chromium asks for no end of the name
        (b"<html\0>", True, False),
        (b"<img>", False, False),
        (b"<!x>", False, False),
        (b"\xef\xbb\xbf<html>", False, False),
        (b"{}", False, False),
        (b"", False, False),
        (b"<?xml version='1.0'?><html>", False, True),
        (b"<?x?>", False, False),
    ],
)
def test_the_look_of_what_has_no_type(head: bytes, html: bool, xml: bool) -> None:
    assert (looks_like_html(head), looks_like_xml(head)) == (html, xml)


XML = b'<script xmlns="http://www.w3.org/1999/xhtml"><![CDATA[X]]></script>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'<html xmlns="http://www.w3.org/1999/xhtml">', b"<head/></html>"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- > <x> -->\n<svg a="/>" b=\'>\'>', b"</svg>"),
        (b'<!DOCTYPE html PUBLIC "a>" "b"><html>', b"</html>"),
        (b'<!DOCTYPE x [<!ENTITY a "]><y>"> <!-- ]> \' --> <?z ]> ?> ] ><x>', b"</x>"),
        (b"<a:b x = '1'\n>", b"</a:b>"),
    ],
)
def test_the_place_in_xml(before: bytes, after: bytes) -> None:
    assert inserted(before + after, None, xml=True) == before + XML + after
    inserter = Inserter("X", None, xml=True)
    parts = [inserter.feed(bytes([byte])) for byte in before + after]
    assert b"".join(parts) + inserter.finish() == before + XML + after


def test_an_empty_root_element_is_opened() -> None:
    data = b'<svg onload="x()" />tail'
    assert inserted(data, None, xml=True) == b'<svg onload="x()" >' + XML + b"</svg>tail"


def test_xml_in_utf_16() -> None:
    data = "﻿<?xml version='1.0'?><svg>ä</svg>".encode("utf-16-le")
    expected = f"﻿<?xml version='1.0'?><svg>{XML.decode()}ä</svg>".encode("utf-16-le")
    assert inserted(data, None, xml=True) == expected


@pytest.mark.parametrize("data", [b"text", b"<html", b"<!-- \x1b --><x>", b"</x>"])
def test_xml_without_a_certain_root_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError):
        inserted(data, None, xml=True)


@pytest.mark.parametrize(
    ("instruction", "void"),
    [
        (b"<?xml-stylesheet href='a.css'?>", False),
        (b'<?xml-stylesheet type="text/css" href="a.css"?>', False),
        (b"<?xml-stylesheet href='a' type='text/xsl'?>", True),
        (b"<?xml-stylesheet\ntype = 'application/xml'\nhref='a'?>", True),
        (b"<?xml-stylesheet type='text&#47;xsl' href='a'?>", True),
        (b"<?xml-stylesheet t&#121;pe='text/xsl' href='a'?>", True),
        (b"<?xml-stylesheet type='text/css' type='text/xsl' href='a'?>", True),
        (b"<?other type='text/xsl'?>", False),
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_a_transform_is_made_void(instruction: bytes, void: bool, encoding: str) -> None:
    text = "<?xml version='1.0'?>" + instruction.decode() + "<a/>"
    inserter = Inserter("X", None, xml=True)
    made = inserter.feed(text.encode(encoding)) + inserter.finish()
    assert inserter.transforms == void
    kept = instruction.decode()
    if void:
        kept = kept.replace("xml-stylesheet", "rtcguard-style")
    assert made.decode(encoding) == f"<?xml version='1.0'?>{kept}<a>{XML.decode()}</a>"
