"""Makes redis.jsonl and mysql.sql: what python-oauth2 1.1.1 itself writes into real engines.

    python -m venv venv && venv/bin/pip install python-oauth2==1.1.1 redis PyMySQL
    venv/bin/python record.py REDIS_PORT MYSQL_PORT

Both engines listen on 127.0.0.1 and are empty; MySQL or MariaDB lets root in without a password. `mariadb-dump` writes
the tables. The strings are made up here, so that tests can name them; ends are in 2037 (TIMESTAMP has no more) or past.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pymysql
import redis
from oauth2.datatype import AccessToken, AuthorizationCode
from oauth2.store import redisdb
from oauth2.store.dbapi import mysql

HERE = Path(__file__).parent
LATER, PAST = 2114380800, 1000000000
CLIENTS = [
    ("notes", "old-secret-of-notes", ["https://notes.example/cb"],
     ["authorization_code", "refresh_token"], ["code"]),
    ("robot", "old-secret-of-robot", [], ["client_credentials"], []),
    ("plain", "old-secret-of-plain", ["http://plain.example/cb#here"], ["authorization_code"], ["code"]),
]


def token(name, client="notes", grant="authorization_code", expires_at=LATER, refresh_at=None, user=7):
    """A token whose strings name it, in the shape of a uuid4."""
    string = lambda kind: "{0}0000000-0000-4000-8000-{1:0>12}".format(kind, name)
    return AccessToken(client_id=client, grant_type=grant, token=string("a"), data={"team": "blue"},
                       expires_at=expires_at, scopes=["read", "write"], user_id=user,
                       refresh_token=None if refresh_at is None else string("b"), refresh_expires_at=refresh_at)


TOKENS = [
    token("1", refresh_at=LATER),                                  # all is alive
    token("2", refresh_at=LATER),                                  # the same, for a reuse
    token("3", expires_at=PAST, refresh_at=LATER),                 # only the refresh token is alive
    token("4", expires_at=PAST, refresh_at=PAST),                  # nothing is alive
    token("5", client="robot", grant="client_credentials", user=None, expires_at=None),  # never ends
    token("6", client="gone"),                                     # of a client that is not there
    token("7", refresh_at=LATER),                                  # rotated away below
]
CODE = AuthorizationCode("notes", "c0000000-0000-4000-8000-000000000001", LATER, "https://notes.example/cb", ["read"],
                         {}, 7)


def record_redis(port):
    connection = redis.StrictRedis(host="127.0.0.1", port=port)
    clients, tokens = redisdb.ClientStore(rs=connection), redisdb.TokenStore(rs=connection)
    for client in CLIENTS:
        clients.add_client(*client)
    # All grants, all response types.
    clients.add_client("free", "old-secret-of-free", ["https://free.example/cb"])
    for each in TOKENS:
        tokens.save_token(each)
    tokens.delete_refresh_token(TOKENS[-1].refresh_token)
    tokens.save_code(CODE)
    with open(HERE / "redis.jsonl", "w") as out:
        for key in sorted(connection.keys("*")):
            out.write(json.dumps([key.decode(), connection.get(key).decode()]) + "\n")


def record_mysql(port):
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root")
    cursor = connection.cursor()
    cursor.execute("CREATE DATABASE testdb")
    # The tables are those of the module's own documentation; `access_token_scopes` and all others stand there.
    schema = mysql.__doc__.split(".. code-block:: sql")[1]
    for statement in filter(str.strip, re.split(r";\s*\n", schema)):
        cursor.execute(statement)
    cursor.execute("USE testdb")
    for identifier, secret, redirects, grants, types in CLIENTS:
        cursor.execute("INSERT INTO clients (identifier, secret) VALUES (%s, %s)", (identifier, secret))
        row = cursor.lastrowid
        for table, column, values in (("client_redirect_uris", "redirect_uri", redirects),
                                      ("client_grants", "name", grants),
                                      ("client_response_types", "response_type", types)):
            for value in values:
                cursor.execute("INSERT INTO {0} ({1}, client_id) VALUES (%s, %s)".format(table, column), (value, row))
    connection.commit()
    assert mysql.MysqlClientStore(connection).fetch_by_client_id("notes").secret == CLIENTS[0][1]
    tokens = mysql.MysqlAccessTokenStore(connection)
    for each in TOKENS:
        tokens.save_token(each)
    tokens.delete_refresh_token(TOKENS[-1].refresh_token)
    mysql.MysqlAuthCodeStore(connection).save_code(CODE)
    dump = ["mariadb-dump", "--no-defaults", "-h127.0.0.1", "-P%d" % port, "-uroot", "--skip-dump-date",
            "--skip-comments", "--databases", "testdb"]
    (HERE / "mysql.sql").write_bytes(subprocess.run(dump, check=True, stdout=subprocess.PIPE).stdout)


if __name__ == "__main__":
    record_redis(int(sys.argv[1]))
    record_mysql(int(sys.argv[2]))
