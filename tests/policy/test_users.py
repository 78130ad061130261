"""The file of those who may use the proxy."""

import pytest

from rtcguard.errors import ConfigError
from rtcguard.policy.load import load
from rtcguard.policy.users import User, parse

HASH = "$2b$04$Y3EOdqj7h4DR42UMYrHL2e5J07T9CzDicjlWL9klaAfEf2A1Stgje"  # of `secret`


def test_names_and_hashes() -> None:
    content = (
        f"# ours\n\nalice:{HASH}\r\n  bob@example.org:{HASH.replace('$2b$', '$2y$')}\nÄnne:{HASH}"
    )
    assert [user.name for user in parse(content, "users")] == ["alice", "bob@example.org", "Änne"]
    assert parse(content, "users")[0] == User("alice", HASH)
    assert HASH not in repr(parse(content, "users"))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("hunter2", "is not NAME:HASH"),
        (f":{HASH}", "is not NAME:HASH"),
        (f"a\x07b:{HASH}", "is not NAME:HASH"),
        ("carol:hunter2", "the hash of 'carol' is not one of bcrypt; make one with: htpasswd -B"),
        ("carol:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "is not one of bcrypt"),
        ("carol:$apr1$8sFt66rZ$hunter2hunter2hunter", "is not one of bcrypt"),
        (f"carol:{HASH}:x", "is not one of bcrypt"),
        (f"carol:{HASH[:-1]}", "is not one of bcrypt"),
        (f"carol:{HASH.replace('$04$', '$20$')}", "has the cost 20; it may be 4 to 15"),
        (f"carol:{HASH.replace('$04$', '$03$')}", "has the cost 3; it may be 4 to 15"),
        (f"alice:{HASH}", "two users are named 'alice'"),
    ],
)
def test_each_mistake_names_its_line_and_no_password(line: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f"alice:{HASH}\n{line}\n", "users")
    (mistake,) = error.value.mistakes
    assert str(mistake).startswith("users:2:1: ")
    assert problem in str(mistake)
    assert "hunter2" not in str(mistake) and HASH[7:] not in str(mistake)


def test_every_mistake_is_told() -> None:
    with pytest.raises(ConfigError) as error:
        parse("a\nb\n", "users")
    assert len(error.value.mistakes) == 2


def test_a_file_without_users_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"^users: names no user, so none could use the proxy"):
        parse("# later\n", "users")


def test_a_rule_on_users_where_nobody_signs_in_is_odd() -> None:
    rules = "version: 1\nrules: [{name: a, match: {user: alice}, action: block}]\n"
    (warning,) = load(rules, "c").warnings
    assert str(warning).startswith("c:2:9: rule 'a' names a user: users.file is null, so nobody")
    assert load(rules + "users: {file: /etc/rtcguard/users}\n", "c").warnings == ()
