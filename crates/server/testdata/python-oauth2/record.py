"""Makes redis.jsonl, mysql.sql, memcached.jsonl and mongodb.jsonl: what python-oauth2 1.1.1 itself writes into engines.

    python -m venv venv && venv/bin/pip install python-oauth2==1.1.1 redis PyMySQL python-memcached pymongo==3.13.0
    venv/bin/python record.py REDIS_PORT MYSQL_PORT
    venv/bin/python record.py memcached MEMCACHED_PORT
    venv/bin/python record.py mongodb MONGODB_PORT

The engines are real ones but for MongoDB, which was the stand-in of the testkit (mongo-java-server): it keeps the documents
as pymongo sends them. pymongo 3.13 is the last that has the functions that python-oauth2 calls. All listen on 127.0.0.1 and
are empty; MySQL or MariaDB lets root in without a password. `mariadb-dump` writes the tables. The strings are made up here, so that tests can name them; ends are in 2037 (TIMESTAMP has no more) or past.
"""

import base64
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

from oauth2.datatype import AccessToken, AuthorizationCode

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
    import redis
    from oauth2.store import redisdb
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
    import pymysql
    from oauth2.store.dbapi import mysql
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


def record_memcached(port):
    """Key, flags and value, under a prefix for each protocol of pickle; there is no store of clients.

    It has no rotation either: TokenStore.fetch_by_refresh_token asks for a key without the prefix, which it never writes.
    """
    import memcache
    from oauth2.store.memcache import TokenStore
    entries = []
    for protocol in range(6):
        prefix = "oauth2" if protocol == 0 else "protocol%d" % protocol
        client = memcache.Client(["127.0.0.1:%d" % port], pickleProtocol=protocol)
        tokens = TokenStore(mc=client, prefix=prefix)
        for each in TOKENS[:-1]:
            tokens.save_token(each)
            names = [each.token, each.refresh_token, "{0}_{1}_{2}".format(each.client_id, each.grant_type, each.user_id)]
            entries += [prefix + "_" + name for name in names if name]
        tokens.save_code(CODE)
        entries.append(prefix + "_" + CODE.code)
    connection = socket.create_connection(("127.0.0.1", port)).makefile("rwb")
    with open(HERE / "memcached.jsonl", "w") as out:
        for key in sorted(set(entries)):
            connection.write(b"get %s\r\n" % key.encode())
            connection.flush()
            _, _, flags, length = connection.readline().split()
            value = connection.read(int(length))
            assert connection.readline() + connection.readline() == b"\r\nEND\r\n"
            out.write(json.dumps([key, int(flags), base64.b64encode(value).decode()]) + "\n")


def record_mongodb(port):
    """Collection and document as BSON. Its store of clients only reads, so applications wrote the documents themselves."""
    import bson
    import pymongo
    from bson.raw_bson import RawBSONDocument
    from oauth2.store import mongodb
    database = pymongo.MongoClient("127.0.0.1", port).testdb
    fields = ("identifier", "secret", "redirect_uris", "authorized_grants", "authorized_response_types")
    for client in CLIENTS:
        database.clients.insert_one(dict(zip(fields, client)))
    # All grants, all response types.
    database.clients.insert_one(dict(zip(fields, ("free", "old-secret-of-free", ["https://free.example/cb"]))))
    read = mongodb.ClientStore(database.clients).fetch_by_client_id("notes")
    assert (read.secret, read.authorized_grants) == (CLIENTS[0][1], CLIENTS[0][3])
    tokens = mongodb.AccessTokenStore(database.access_tokens)
    for each in TOKENS:
        tokens.save_token(each)
    tokens.delete_refresh_token(TOKENS[-1].refresh_token)
    mongodb.AuthCodeStore(database.auth_codes).save_code(CODE)
    as_sent = bson.codec_options.CodecOptions(document_class=RawBSONDocument)
    with open(HERE / "mongodb.jsonl", "w") as out:
        for name in ("clients", "access_tokens", "auth_codes"):
            for document in database.get_collection(name, codec_options=as_sent).find():
                out.write(json.dumps([name, base64.b64encode(document.raw).decode()]) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "memcached":
        record_memcached(int(sys.argv[2]))
    elif sys.argv[1] == "mongodb":
        record_mongodb(int(sys.argv[2]))
    else:
        record_redis(int(sys.argv[1]))
        record_mysql(int(sys.argv[2]))
