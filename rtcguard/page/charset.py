"""Which character encoding a document is in, by its own word: byte order mark, <meta>, <?xml?>.

Browsers look for `<meta charset>` in the first 1024 bytes only (HTML, section 13.2.3.2). The guard
pushes it out of there, so what it said is said again in front of the guard (html.py).
"""

import re
from typing import Final, Literal

PRESCAN: Final = 1024  # bytes that browsers look through

# How the markup's ASCII characters are written: everything that browsers know but UTF-16 has them
# as single bytes. (ISO-2022-JP too, but only until its first escape: html.py looks out for that.)
Width = Literal["bytes", "utf-16-le", "utf-16-be"]

_UTF16LE = {
    "utf-16",
    "utf-16le",
    "unicode",
    "unicodefeff",
    "ucs-2",
    "csunicode",
    "iso-10646-ucs-2",
}
_UTF16BE = {"utf-16be", "unicodefffe"}
# Every other label of the WHATWG Encoding standard. A label that is not in it is no declaration:
# browsers go on looking.
_ASCII_LABELS = """
    unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8
    866 cp866 csibm866 ibm866
    csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2
    csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3
    csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4
    csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5
    iso_8859-5:1988
    arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e
    iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
    csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597
    iso_8859-7 iso_8859-7:1987 sun_eu_greek
    csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598
    iso_8859-8 iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical
    csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6
    iso-8859-13 iso8859-13 iso885913 iso-8859-14 iso8859-14 iso885914
    csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 iso-8859-16
    cskoi8r koi koi8 koi8-r koi8_r koi8-ru koi8-u csmacintosh mac macintosh x-mac-roman
    dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874
    cp1250 windows-1250 x-cp1250 cp1251 windows-1251 x-cp1251
    ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1
    iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252
    cp1253 windows-1253 x-cp1253 cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599
    iso_8859-9 iso_8859-9:1989 l5 latin5 windows-1254 x-cp1254
    cp1255 windows-1255 x-cp1255 cp1256 windows-1256 x-cp1256 cp1257 windows-1257 x-cp1257
    cp1258 windows-1258 x-cp1258 x-mac-cyrillic x-mac-ukrainian
    chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030
    big5 big5-hkscs cn-big5 csbig5 x-x-big5
    cseucpkdfmtjapanese euc-jp x-euc-jp csiso2022jp iso-2022-jp
    csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis
    cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601
    ksc_5601 windows-949
    csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement x-user-defined
"""
_LABELS = frozenset(_ASCII_LABELS.split())

_STARTS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16le"),
    (b"\xfe\xff", "utf-16be"),
    (b"<\0?\0x\0", "utf-16le"),
    (b"\0<\0?\0x", "utf-16be"),
)
_TAG = re.compile(
    rb"<(?:(!--)|([!?]|/(?![a-z]))|(meta)(?=[\t\n\f\r /])|/?[a-z][^\t\n\f\r >]*)", re.IGNORECASE
)
_BODY = re.compile(rb"<(?:body|/head)[\t\n\f\r />]", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"[\t\n\f\r /]*+(=?[^\t\n\f\r />=]*+)"
    rb"(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:\"([^\"]*)\"|'([^']*)'|((?![\"'])[^\t\n\f\r >]*)))?"
)
_CONTENT = re.compile(r"charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\"'\s;][^\s;]*))", re.IGNORECASE)
_XML = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def sniff_charset(head: bytes) -> str | None:
    """The encoding that a document declares by itself, as browsers find it; None: it does not.

    `head` is the start of the document, of which `PRESCAN` bytes count. Simplified from HTML's
    "prescan a byte stream to determine its encoding", which it follows for all but broken markup.
    """
    head = head[:PRESCAN]
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    return _by_meta(head) or _by_xml_declaration(head)


def is_settled(head: bytes) -> bool:
    """Whether more bytes would tell nothing else: a <meta> has spoken, or the body begins."""
    return _by_meta(head) is not None or _BODY.search(head) is not None


def width_of(head: bytes, charset: str | None) -> Width:
    """How ASCII is written in a document; a byte order mark speaks louder than `charset`."""
    if head.startswith(b"\xef\xbb\xbf"):
        return "bytes"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = sniff_charset(head)
    if charset in _UTF16LE:
        return "utf-16-le"
    return "utf-16-be" if charset in _UTF16BE else "bytes"


def _by_meta(head: bytes) -> str | None:
    at = 0
    while tag := _TAG.search(head, at):
        at = tag.end()
        if tag[1]:
            # `<!-->` is a whole comment: its dashes count for the end as well.
            end = head.find(b"-->", tag.start() + 2)
            at = len(head) if end < 0 else end + 3
        elif tag[2]:
            end = head.find(b">", at)
            at = len(head) if end < 0 else end + 1
        else:
            attributes, at = _attributes(head, at)
            if tag[3] and at < len(head) and (name := _of_meta(attributes)):
                return name
    return None


def _attributes(head: bytes, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, the first of each name, and where the tag ends."""
    attributes: dict[str, str] = {}
    while (found := _ATTRIBUTE.match(head, at)) and found[1]:
        value = next((group for group in found.groups()[1:] if group is not None), b"")
        attributes.setdefault(found[1].lower().decode("latin-1"), value.decode("latin-1"))
        at = found.end()
    return attributes, at if found is None else found.end()


def _of_meta(attributes: dict[str, str]) -> str | None:
    label = attributes.get("charset")
    if label is None:
        if attributes.get("http-equiv", "").lower() != "content-type":
            return None
        found = _CONTENT.search(attributes.get("content", ""))
        label = next(filter(None, found.groups()), "") if found else ""
    return _in_ascii(known_charset(label))


def _by_xml_declaration(head: bytes) -> str | None:
    found = _XML.match(head)
    return _in_ascii(known_charset((found[1] or found[2]).decode("latin-1"))) if found else None


def known_charset(label: str) -> str | None:
    """A label in lower case, if the WHATWG Encoding standard has it."""
    label = label.strip("\t\n\f\r ").lower()
    return label if label in _LABELS or label in _UTF16LE or label in _UTF16BE else None


def _in_ascii(label: str | None) -> str | None:
    """A declaration that could be read as ASCII cannot speak the truth when it says UTF-16."""
    if label in _UTF16LE or label in _UTF16BE:
        return "utf-8"
    return "windows-1252" if label == "x-user-defined" else label
