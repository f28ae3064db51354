"""Logs of what people took: files without a header by their names, RecBole's typed columns, and columns as integers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from framework.contracts.data.format import Block, ReadOptions
from framework.contracts.data.table import Table
from framework.data.encoding import codes, numbers
from framework.data.formats import arrow_csv
from framework.data.formats.choosing import choose
from framework.data.formats.delimited import Csv, delimited_rows
from framework.data.formats.encodings import with_encoding
from framework.data.formats.reading import iter_rows, read_table
from framework.data.formats.sniffing import sniff
from framework.data.sources import File
from framework.errors import InputError

FLAGS = "0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0"


def read(path: Path) -> tuple[Table, list[str]]:
    said: list[str] = []
    return read_table([File(path)], say=said.append).table, said


def is_plain(path: Path) -> bool:
    """Whether all rows come in blocks, without the careful reader."""
    file = with_encoding(sniff(path), lambda note: None)
    parts = choose(file, None, None, lambda note: None).read(file, ReadOptions(blocks=True), lambda note: None)
    try:
        return all(isinstance(part, Block) for part in parts)
    except InputError:  # of the careful reader
        return False


def write(folder: Path, name: str, content: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "line", "what", "row"),
    [
        ("u.data", "196\t242\t3\t881250949", "MovieLens 100K's ratings", ["196", "242", "3", "881250949"]),
        ("u1.base", "1\t6\t5\t887431973", "MovieLens 100K's ratings", ["1", "6", "5", "887431973"]),
        ("ratings.dat", "1::1193::5::978300760", "MovieLens' ratings", ["1", "1193", "5", "978300760"]),
        ("u.user", "1|24|M|technician|85711", "MovieLens 100K's users", ["1", "24", "M", "technician", "85711"]),
        ("users.dat", "1::F::1::10::48067", "MovieLens 1M's users", ["1", "F", "1", "10", "48067"]),
        (
            "u.item",
            f'1|Léon, the "Pro" (1994)|01-Jan-1994||http://x/?a|{FLAGS}',
            "MovieLens 100K's items",
            ["1", 'Léon, the "Pro" (1994)', "1994", "Animation Children's Comedy"],
        ),
        (
            "movies.dat",
            "1::Léon: The Pro (1994)::Action|Film-Noir",
            "MovieLens' items",
            ["1", "Léon: The Pro (1994)", "1994", "Action Film-Noir"],
        ),
    ],
)
def test_a_known_name_stands_for_the_columns(tmp_path: Path, name: str, line: str, what: str, row: list[str]) -> None:
    for encoding in ("utf-8", "latin-1"):
        table, said = read(write(tmp_path, name, f"{line}\r\n{line}\n", encoding))
        assert [list(values) for values in table.columns.values()] == [[value] * 2 for value in row]
        assert list(table.lines) == [1, 2]
        assert said[-1] == f"{name} was read as {what}, which have no header: {', '.join(table.columns)}"


def test_a_packed_file_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "u.data.gz"
    path.write_bytes(gzip.compress(b"1\t2\t3\t4\n"))
    assert list(read(path)[0].columns) == ["user", "item", "rating", "timestamp"]


def test_a_line_that_the_layout_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(write(tmp_path, "ratings.dat", "1::2::3::4\n1::2:3::4\n1::2::3\n"))
    assert "line 2: 3 fields where MovieLens' ratings have 4" in str(error.value)
    assert "line 3: 3 fields" in str(error.value)
    assert "a name that ends in .csv or .tsv" in str(error.value)


def test_the_types_of_recbole_are_no_part_of_the_names(tmp_path: Path) -> None:
    content = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n007\t a b\t3\t1e9\n"
    table, said = read(write(tmp_path, "my.inter", content))
    assert table.columns == {"user_id": ["007"], "item_id": [" a b"], "rating": ["3"], "timestamp": ["1e9"]}
    assert said == ["my.inter: the types behind the names of its columns (user_id:token, as RecBole writes them) were left out"]
    table, _ = read(write(tmp_path, "my.item", "item_id:token\tclass:token_seq\n1\tAction Sci-Fi\n"))
    assert table.columns == {"item_id": ["1"], "class": ["Action Sci-Fi"]}
    with pytest.raises(InputError, match="names 'a' twice"):
        read(write(tmp_path, "my.item", "a:token\ta:float\n1\t2\n"))


def test_ratings_csv_of_movielens(tmp_path: Path) -> None:
    table, said = read(write(tmp_path, "ratings.csv", "userId,movieId,rating,timestamp\n1,296,5.0,1147880044\n"))
    assert table.columns == {"userId": ["1"], "movieId": ["296"], "rating": ["5.0"], "timestamp": ["1147880044"]}
    assert not said


PLAIN = {
    "ids as written": ("a.csv", "user,item\n007,x\n 8 , y\n١,é\nNA,null\n,\n"),
    "carriage returns": ("a.csv", "user,item\r\n1,2\r\n3,4\r\n"),
    "no line end": ("a.tsv", "user\titem\n1\t2"),
    "semicolons": ("a.csv", "user;item\n1,5;2\n"),
    "typed": ("a.inter", "u:token\ti:token\n1\t2\n"),
    "spaces around names": ("a.csv", " user , item \n1,2\n"),
    "quotes around names": ("a.csv", '"user","item"\n1,2\n'),
    "carriage returns but the last": ("a.csv", "user,item\r\n1,2\r\n3,4"),
    "known layout": ("u.data", "1\t2\t3\t4\n5\t6\t7\t8\n"),
    "two colons": ("ratings.dat", "1::2::3::4\n5::6::7::8\n"),
}
ODD = {
    "a quote": ("a.csv", 'user,item\n1,2\n"3,4",5\n'),
    "the header again": ("a.csv", "user,item\n1,2\nuser,item\n3,4\n"),
    "a blank line": ("a.csv", "user,item\n1,2\n\n3,4\n"),
    "spaces alone": ("a.csv", "user,item\n1,2\n  \n3,4\n"),
    "more delimiters": ("a.csv", "user,item\n1,2,\n3,4\n"),
    "a carriage return alone": ("a.csv", "user,item\n1,2\r3,4\n"),
    "a mark": ("a.csv", "\ufeffuser,item\n1,2\n"),
    "a mark inside": ("a.csv", "user,item\n1,2\n\ufeff3,4\n"),
    "a comment": ("a.csv", "# mine\nuser,item\n1,2\n"),
    "one column": ("a.csv", "user\n1\n\n2\n"),
    "a column without a name": ("a.csv", ",user,item\n0,1,2\n"),
    "another delimiter than the name's": ("a.tsv", "user,item\n1,2\n"),
    "spaces before quotes": ("a.csv", '"user", "item"\n1, 2\n'),
    "a quoted name across lines": ("a.csv", '"user","it\nem"\n1,2\n'),
    "quotes of another kind": ("a.csv", "'user','item'\n'1','2'\n"),
    "colons between": ("ratings.dat", "1::2::3::4\n\n5::6::7::8\n"),
}


@pytest.mark.parametrize("block", [1 << 20, 24])
@pytest.mark.parametrize("case", [*PLAIN, *ODD])
def test_the_quick_way_reads_what_the_careful_one_reads(
    tmp_path: Path, case: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_csv, "BLOCK", block)
    name, content = (PLAIN | ODD)[case]
    path = write(tmp_path, name, content)
    careful_said: list[str] = []
    careful = list(iter_rows(path, say=careful_said.append))
    table, said = read(path)
    assert {key: list(values) for key, values in table.columns.items()} == {
        key: [row.values[key] for row in careful] for key in careful[0].values
    }
    assert list(table.lines) == [row.line for row in careful]
    assert said == careful_said


@pytest.mark.parametrize("case", PLAIN)
def test_a_plain_file_is_read_without_the_careful_reader(tmp_path: Path, case: str) -> None:
    name, content = PLAIN[case]
    assert is_plain(write(tmp_path, name, content))


@pytest.mark.parametrize("case", ODD)
def test_an_odd_file_is_left_to_the_careful_reader(tmp_path: Path, case: str) -> None:
    name, content = ODD[case]
    assert not is_plain(write(tmp_path, name, content))


@pytest.mark.parametrize("size", range(1, 8))
def test_what_is_odd_is_found_across_blocks(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_csv, "BLOCK", size)

    def whole(content: bytes) -> bool:
        (path := tmp_path / "a.csv").write_bytes(b"x,y\n" + content)
        return is_plain(path)

    for fine in (b"a,b\nc,d", b"\xe6\x9d\xb1,\xef\xbc\x91\n", b"a,b\r\nc,d\r\n"):
        assert whole(fine)
    for odd in (b"a,\r\n\r\n,b", b",a\n\n,b", b"\n,a", b"a,\rb\n", b"a,\r", b"a,\xef\xbb\xbfb", b'a,"', b"a,\0"):
        assert not whole(odd)


def test_what_is_wrong_far_behind_plain_rows_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_csv, "BLOCK", 256)
    content = "user,item\n" + "".join(f"{n},x\n" for n in range(1000))
    with pytest.raises(InputError, match="line 1002: 3 fields where the header has 2"):
        read(write(tmp_path, "a.csv", content + "1,2,3\n"))
    table, said = read(write(tmp_path, "a.csv", content + '"a\nb",y\nuser,item\n7,z\n'))
    assert list(table.texts("user")) == [*map(str, range(1000)), "a\nb", "7"]
    assert list(table.lines) == [*range(2, 1003), 1005]
    assert len(said) == 1


def test_a_broken_byte_behind_plain_rows_is_not_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item\n" + b"1,x\n" * 10 + b"2,caf\xe9\n")
    with pytest.raises(InputError, match="is not utf-8"):
        read_table([File(path)], "utf-8")
    assert read_table([File(path)], "latin-1").table.texts("item")[-1] == "café"


def test_codes_number_texts_in_the_order_of_their_first_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "user,item\n007,b\n7,a\n007,b\n 7,é\n")
    users = read(path)[0].texts("user")
    for values in (users, list(users)):
        numbered, distinct = codes(values)
        assert (numbered.tolist(), distinct) == ([0, 1, 0, 2], ["007", "7", " 7"])
        assert numbered.dtype == np.int32
    numbered, distinct = codes(read(path)[0].take([3, 1, 3]).texts("user"))
    assert (numbered.tolist(), distinct) == ([0, 1, 0], [" 7", "7"])
    assert codes([])[1] == []


def test_codes_are_the_same_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_csv, "BLOCK", 64)
    monkeypatch.setattr("framework.data.formats.arrow.IN_MEMORY", 500)
    picked = np.random.default_rng(0).integers(0, 30, 2000)
    table, _ = read(write(tmp_path, "a.csv", "user,item\n" + "".join(f"u{n},x\n" for n in picked)))
    assert codes(table.texts("user"))[0].tolist() == codes([f"u{n}" for n in picked])[0].tolist()


def test_numbers_name_the_rows_that_are_none(tmp_path: Path) -> None:
    written = ["1", " 2.5 ", "", "x", "nan", "inf", "1e3", "+4", "1_0"]
    path = write(tmp_path, "a.csv", "n,m\n" + "".join(f"{value},\n" for value in written))
    column = read(path)[0].texts("n")
    for values in (column, list(column)):
        found, wrong = numbers(values)
        assert wrong.tolist() == [2, 3, 4, 5, 8]
        np.testing.assert_array_equal(found, [1, 2.5, *[np.nan] * 4, 1000, 4, np.nan])
    assert numbers(read(path)[0].take([3, 0]).texts("n"))[1].tolist() == [0]


def test_a_careful_reader_needs_no_arrow(tmp_path: Path) -> None:
    file = sniff(write(tmp_path, "a.csv", "u,i\n1,2\n"))
    with file.open_text() as stream:
        assert [row.values for row in delimited_rows(Csv(), file, stream, lambda note: None)] == [{"u": "1", "i": "2"}]
