"""Requests that no library would send, byte by byte, to the real server.

Whatever comes, the answer is below 500, an error of the token endpoint is JSON with a code of RFC 6749, and the server
still serves the next request. The limits are those of the documentation.
"""

import base64
import contextlib
import json
import pathlib
import re
import resource
import socket
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "clients"))
from checks import Checks, same  # noqa: E402
from user_agent import setting  # noqa: E402

SETTING = setting()
AT = urllib.parse.urlsplit(SETTING["issuer"])
SERVICE = SETTING["clients"]["service"]
CREDENTIALS = base64.b64encode(f"{SERVICE['client_id']}:{SERVICE['client_secret']}".encode()).decode()
BASIC = f"Authorization: Basic {CREDENTIALS}\r\n"
CODES = {
    "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client",
    "unsupported_grant_type", "temporarily_unavailable",
}  # fmt: skip
GOOD = "grant_type=client_credentials&scope=read"
check = Checks("raw")


def connect():
    return socket.create_connection(("127.0.0.1", AT.port), timeout=20)


class Answer:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else 0  # 0: closed without a word
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()


def exchange(data, cut=False):
    """Sends bytes and reads all that comes back; `cut` ends our side first, as after a request that never got whole."""
    with connect() as line:
        with contextlib.suppress(OSError):  # a refusal may come before all is sent
            line.sendall(data)
            if cut:
                line.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while part := line.recv(65536):
                received += part
    return Answer(received)


def request(method="POST", path="/token", body=b"", headers="", kind="application/x-www-form-urlencoded"):
    body = body.encode() if isinstance(body, str) else body
    kind = f"Content-Type: {kind}\r\n" if kind else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: {AT.netloc}\r\nConnection: close\r\n{kind}Content-Length: {len(body)}\r\n{headers}\r\n"
    return exchange(head.encode("latin-1") + body)


def token(body, headers=BASIC, **options):
    return request(body=body, headers=headers, **options)


def alive():
    same(request("GET", "/readyz", kind=None).status, 200)


def refused(answer, *codes, status=None):
    """A refusal as RFC 6749 section 5.2 wants it."""
    assert 400 <= answer.status < 500, answer.status
    if status is not None:
        same(answer.status, status)
    assert answer.headers.get("content-type", "").startswith("application/json"), answer.headers
    same(answer.headers.get("cache-control"), "no-store")
    error = json.loads(answer.body)
    assert error["error"] in (codes or CODES), error
    assert error.get("error_description"), "no description"
    # The characters that RFC 6749 allows in error_description.
    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]*", error["error_description"]), error
    alive()


@check
def the_plain_request_works():
    same(token(GOOD).status, 200)


@check
def a_repeated_parameter_is_invalid_request():
    refused(token("grant_type=client_credentials&grant_type=client_credentials"), "invalid_request", status=400)
    refused(token("grant_type=client_credentials&scope=read&scope=read"), "invalid_request", status=400)


@check
def an_empty_parameter_counts_as_absent():
    same(token(GOOD + "&resource=&x=").status, 200)
    refused(token("grant_type="), "invalid_request", status=400)


@check
def an_unknown_parameter_is_ignored():
    same(token(GOOD + "&unheard_of=1").status, 200)


@check
def an_empty_body_is_invalid_request():
    refused(token(""), "invalid_request", status=400)


@check
def bad_percent_encodings_are_refused_or_read_literally():
    for body in ("grant_type=%zz", "grant_type=%", "grant_type=%e", "grant_type=client_credentials&scope=%ff%fe"):
        refused(token(body))


@check
def odd_bytes_are_refused():
    for body in (b"\xff\xfe\x00", b"grant_type=\x00", b"grant_type=client_credentials&scope=\xff", b"&&&===", b"\r\n\r\n"):
        refused(token(body))


@check
def control_characters_and_non_ascii_are_refused():
    for value in ("%00", "%0d%0aSet-Cookie:%20a=b", "%C3%A9", "%F0%9F%98%80", "%7f", "%22", "%5c"):
        answer = request(body=f"grant_type=client_credentials&client_id={value}&client_secret={value}")
        refused(answer, "invalid_client", "invalid_request")
        assert "set-cookie" not in answer.headers
        refused(token(f"grant_type=client_credentials&scope={value}"), "invalid_scope", "invalid_request")


@check
def broken_basic_credentials_are_invalid_client():
    def encoded(text):
        return base64.b64encode(text).decode()

    for value in ("Basic", "Basic ", "Basic !!!", f"Basic {encoded(b'nocolon')}", f"Basic {encoded(bytes([255, 58, 255]))}",
                  f"Basic {encoded(b'%zz:%zz')}", f"Basic {CREDENTIALS}x", "Bearer x", "Digest a=b", "é"):  # fmt: skip
        refused(token("grant_type=client_credentials", f"Authorization: {value}\r\n"), "invalid_client", "invalid_request")


@check
def failed_basic_is_401_with_a_challenge():
    wrong = base64.b64encode(f"{SERVICE['client_id']}:wrong".encode()).decode()
    answer = token("grant_type=client_credentials", f"Authorization: Basic {wrong}\r\n")
    refused(answer, "invalid_client", status=401)
    assert answer.headers["www-authenticate"].startswith("Basic"), answer.headers


@check
def two_ways_to_authenticate_are_refused():
    refused(token("grant_type=client_credentials", BASIC + BASIC), "invalid_request", "invalid_client")
    both = f"grant_type=client_credentials&client_id={SERVICE['client_id']}&client_secret={SERVICE['client_secret']}"
    refused(token(both), "invalid_request", "invalid_client")


@check
def parameters_in_the_query_do_not_count():
    refused(token("", path="/token?grant_type=client_credentials"), "invalid_request")


@check
def other_content_types_are_refused():
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "x", None):
        answer = token("grant_type=client_credentials", kind=kind)
        assert 400 <= answer.status < 500, (kind, answer.status)


@check
def a_charset_in_the_content_type_is_fine():
    same(token(GOOD, kind="Application/X-WWW-Form-Urlencoded; charset=UTF-8").status, 200)


@check
def other_methods_are_405():
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"):
        answer = request(method, kind=None)
        same(answer.status, 405)
        assert "POST" in answer.headers.get("allow", ""), answer.headers


@check
def paths_beside_the_endpoint_are_404():
    for path in ("/token/", "//token", "/token%00", "/token%2f", "/../token", "/Token", "/%", "/%ff", "/" + "a" * 4000):
        answer = request(path=path, body="grant_type=client_credentials", headers=BASIC)
        assert answer.status in (400, 404, 405, 414), (path[:20], answer.status)
    alive()


@check
def an_oversized_body_is_refused():
    big = "grant_type=client_credentials&x=" + "a" * 70_000
    assert token(big).status in (400, 413)
    assert token("a" * 10_000_000).status in (0, 400, 413)
    alive()


@check
def a_body_that_claims_more_than_it_sends_holds_nobody_up():
    head = f"POST /token HTTP/1.1\r\nHost: {AT.netloc}\r\n{BASIC}Content-Type: application/x-www-form-urlencoded\r\n"
    for length in ("60000", "99999999999", "-1", "1x", ""):
        answer = exchange(f"{head}Content-Length: {length}\r\n\r\ngrant_type=client_credentials".encode(), cut=True)
        assert answer.status < 500 and answer.status != 200, (length, answer.status)
    alive()


@check
def too_many_parameters_are_refused():
    refused(token("grant_type=client_credentials&" + "&".join(f"p{i}=1" for i in range(100))), "invalid_request")
    refused(token("grant_type=client_credentials&x=" + "v" * 9000), "invalid_request")


@check
def too_many_scopes_are_refused():
    scopes = "+".join(f"s{i}" for i in range(101))
    refused(token(f"grant_type=client_credentials&scope={scopes}"), "invalid_scope", "invalid_request")


@check
def huge_headers_are_refused():
    assert token("grant_type=client_credentials", BASIC + "X: " + "a" * 600_000 + "\r\n").status in (0, 400, 413, 431)
    assert token("grant_type=client_credentials", BASIC + "".join(f"X{i}: a\r\n" for i in range(2000))).status in (0, 400, 431)
    alive()


@check
def lengths_that_disagree_are_refused():
    body = "grant_type=client_credentials"
    head = f"POST /token HTTP/1.1\r\nHost: {AT.netloc}\r\nConnection: close\r\n{BASIC}Content-Type: application/x-www-form-urlencoded\r\n"
    smuggled = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    for lengths in (f"Content-Length: {len(body)}\r\nContent-Length: 3\r\n", f"Content-Length : {len(body)}\r\n",
                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n"):  # fmt: skip
        answer = exchange(f"{head}{lengths}\r\n{body}{smuggled}".encode(), cut=True)
        assert answer.status in (0, 400, 411, 501), (lengths, answer.status)
    alive()


@check
def chunks_are_read():
    body = GOOD
    chunks = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    head = f"POST /token HTTP/1.1\r\nHost: {AT.netloc}\r\nConnection: close\r\n{BASIC}Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    same(exchange((head + chunks).encode()).status, 200)
    assert exchange((head + "zz\r\n" + chunks).encode(), cut=True).status in (0, 400, 413)
    alive()


@check
def the_host_header_changes_nothing():
    path = "/.well-known/oauth-authorization-server"
    for host in ("attacker.example", "attacker.example:1", "[::1]"):
        data = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: {host}\r\nForwarded: host={host}\r\nConnection: close\r\n\r\n"
        answer = exchange(data.encode())
        if answer.status == 200:
            assert b"attacker" not in answer.body and json.loads(answer.body)["issuer"] == SETTING["issuer"]
        else:
            assert 400 <= answer.status < 500, answer.status


@check
def what_is_not_http_is_closed():
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 1000, b"HELLO\r\n\r\n", b"\r\n", b""):
        assert exchange(data, cut=True).status in (0, 400), data
    alive()


@check
def markup_in_an_authorization_request_is_escaped():
    script = urllib.parse.quote("<script>alert(1)</script>'\"")
    for query in (f"client_id={script}", f"client_id=test-web&redirect_uri={script}", f"response_type={script}", f"state={script}"):
        answer = request("GET", f"/authorize?{query}", kind=None)
        assert 400 <= answer.status < 500, answer.status
        assert b"<script>alert" not in answer.body
    alive()


@check
def line_breaks_do_not_reach_the_redirect():
    query = "client_id=test-web&response_type=x&state=a%0d%0aSet-Cookie:%20evil=1"
    answer = request("GET", f"/authorize?{query}", kind=None)
    assert answer.status < 500 and "evil=1" not in answer.headers.get("set-cookie", "")


@check
def ten_thousand_idle_connections_do_not_stop_it():
    wanted = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 200:
        print(f"not checked: {wanted} connections: only {hard} files may be open")
        wanted = hard - 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 200), hard))
    lines = []
    try:
        for _ in range(wanted):
            try:
                lines.append(connect())
            except OSError:
                break  # a server that refuses more is in its right
        for line in lines[::50]:
            with contextlib.suppress(OSError):
                line.sendall(b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Le")  # and hangs there
        print(f"{len(lines)} connections were open")
    finally:
        for line in lines:
            line.close()
    alive()
    same(token(GOOD).status, 200)


check.close()
