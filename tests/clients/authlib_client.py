"""Authlib against the server: its requests session, as an application uses it."""

import secrets
import urllib.parse

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from checks import Checks, refused, same
from user_agent import UserAgent, setting

SETTING = setting()
CLIENTS = SETTING["clients"]
METADATA = requests.get(SETTING["issuer"] + "/.well-known/oauth-authorization-server", timeout=30).json()
TOKEN, REVOKE, INTROSPECT = (METADATA[name + "_endpoint"] for name in ("token", "revocation", "introspection"))
check = Checks("authlib")


def session(name, **options):
    client = CLIENTS[name]
    options.setdefault("scope", "read write")
    return OAuth2Session(
        client["client_id"],
        client.get("client_secret"),
        redirect_uri=client.get("redirect_uri"),
        token_endpoint_auth_method=client["token_endpoint_auth_method"],
        code_challenge_method="S256",
        **options,
    )


def ask(oauth, answer="allow", **options):
    """The authorization request, through the pages: the redirect and the verifier."""
    verifier = generate_token(48)
    url, state = oauth.create_authorization_url(METADATA["authorization_endpoint"], code_verifier=verifier, **options)
    return UserAgent(SETTING).authorize(url, answer), verifier, state


def code_flow(name="web"):
    oauth = session(name)
    redirect, verifier, state = ask(oauth)
    oauth.fetch_token(TOKEN, authorization_response=redirect, code_verifier=verifier, state=state)
    return oauth


def introspect(token):
    api = session("api")
    return api.introspect_token(INTROSPECT, token=token).json()


@check
def metadata_names_its_issuer():
    same(METADATA["issuer"], SETTING["issuer"])
    same(METADATA["authorization_response_iss_parameter_supported"], True)
    assert "S256" in METADATA["code_challenge_methods_supported"]


@check
def code_with_pkce_and_client_secret_basic():
    token = code_flow("web").token
    same(token["token_type"].lower(), "bearer")
    assert token["access_token"] and token["refresh_token"] and token["expires_in"] > 0


@check
def code_with_client_secret_post():
    assert code_flow("post").token["access_token"]


@check
def code_of_a_public_client():
    assert code_flow("public").token["access_token"]


@check
def the_redirect_carries_state_and_issuer():
    redirect, _, state = ask(session("web"))
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(redirect).query)
    same(query["state"], [state])
    same(query["iss"], [SETTING["issuer"]])


@check
def refresh_rotates():
    oauth = code_flow()
    old = dict(oauth.token)
    new = oauth.refresh_token(TOKEN, refresh_token=old["refresh_token"])
    assert new["refresh_token"] != old["refresh_token"], "the refresh token stayed"
    assert new["access_token"] != old["access_token"], "the access token stayed"
    same(introspect(new["access_token"])["active"], True)


@check
def a_repeated_refresh_within_the_window_gives_the_same_successor():
    oauth = code_flow()
    old = oauth.token["refresh_token"]
    first = dict(oauth.refresh_token(TOKEN, refresh_token=old))
    second = dict(oauth.refresh_token(TOKEN, refresh_token=old))
    same(second["refresh_token"], first["refresh_token"])
    same(second["access_token"], first["access_token"])


@check
def client_credentials():
    service = session("service", scope="read")
    token = service.fetch_token(TOKEN, grant_type="client_credentials")
    assert "refresh_token" not in token
    answer = introspect(token["access_token"])
    same((answer["active"], answer["client_id"], answer["scope"]), (True, CLIENTS["service"]["client_id"], "read"))


@check
def introspection_tells_user_client_scope():
    oauth = code_flow()
    answer = introspect(oauth.token["access_token"])
    same(answer["active"], True)
    same(answer["client_id"], CLIENTS["web"]["client_id"])
    same(set(answer["scope"].split()), {"read", "write"})
    assert answer["sub"] and answer["exp"] > answer["iat"]


@check
def introspection_of_nonsense_is_inactive():
    same(introspect("nonsense"), {"active": False})


@check
def revoking_the_refresh_token_ends_the_grant():
    oauth = code_flow()
    refresh = oauth.token["refresh_token"]
    same(oauth.revoke_token(REVOKE, token=refresh, token_type_hint="refresh_token").status_code, 200)
    same(introspect(oauth.token["access_token"]), {"active": False})
    refused(OAuthError, "invalid_grant", lambda: oauth.refresh_token(TOKEN, refresh_token=refresh))


@check
def revoking_an_access_token_keeps_the_refresh_token():
    oauth = code_flow()
    access, refresh = oauth.token["access_token"], oauth.token["refresh_token"]
    same(oauth.revoke_token(REVOKE, token=access, token_type_hint="access_token").status_code, 200)
    same(introspect(access), {"active": False})
    assert oauth.refresh_token(TOKEN, refresh_token=refresh)["access_token"]


@check
def a_wrong_secret_is_invalid_client():
    service = OAuth2Session(CLIENTS["service"]["client_id"], "wrong", token_endpoint_auth_method="client_secret_basic")
    refused(OAuthError, "invalid_client", lambda: service.fetch_token(TOKEN, grant_type="client_credentials"))


@check
def a_wrong_verifier_is_refused_and_burns_nothing():
    oauth = session("web")
    redirect, verifier, state = ask(oauth)
    options = {"authorization_response": redirect, "state": state}
    wrong = lambda: oauth.fetch_token(TOKEN, code_verifier=generate_token(48), **options)  # noqa: E731
    refused(OAuthError, "invalid_grant", wrong)
    assert oauth.fetch_token(TOKEN, code_verifier=verifier, **options)["access_token"]


@check
def a_code_used_twice_ends_its_tokens():
    oauth = session("web")
    redirect, verifier, state = ask(oauth)
    fetch = lambda: oauth.fetch_token(TOKEN, authorization_response=redirect, code_verifier=verifier, state=state)  # noqa: E731
    access = fetch()["access_token"]
    refused(OAuthError, "invalid_grant", fetch)
    same(introspect(access), {"active": False})


@check
def a_denied_consent_is_access_denied():
    oauth = session("denied")
    redirect, _, state = ask(oauth, "deny")
    # Authlib leaves error responses to the web framework: an application reads the query as here.
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(redirect).query)
    same((query["error"], query["state"], "code" in query), (["access_denied"], [state], False))


@check
def an_unknown_scope_is_invalid_scope():
    oauth = session("web", scope="read everything")
    redirect, _, state = ask(oauth)
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(redirect).query)
    same((query["error"], query["state"]), (["invalid_scope"], [state]))


@check
def a_wrong_password_stays_at_the_login_page():
    oauth = session("web")
    answer, _, _ = ask(oauth, "wrong")
    assert not answer.startswith(("http", "5")), answer


@check
def an_unregistered_redirect_uri_is_shown_not_followed():
    oauth = session("web")
    oauth.redirect_uri = "http://localhost:1/elsewhere-" + secrets.token_hex(4)
    try:
        redirect, _, _ = ask(oauth)
    except RuntimeError as error:
        assert str(error).startswith("400"), error
    else:
        raise AssertionError(f"redirected to {redirect}")


if SETTING["legacy"]:

    @check
    def password_grant():
        user = SETTING["user"]
        legacy = session("legacy", scope="read")
        token = legacy.fetch_token(TOKEN, username=user["name"], password=user["password"], grant_type="password")
        assert introspect(token["access_token"])["sub"]
        again = lambda: legacy.fetch_token(TOKEN, username=user["name"], password="wrong", grant_type="password")  # noqa: E731
        refused(OAuthError, "invalid_grant", again)

    @check
    def implicit_grant():
        legacy = OAuth2Session(
            CLIENTS["implicit"]["client_id"], redirect_uri=CLIENTS["implicit"]["redirect_uri"], scope="read"
        )
        url, state = legacy.create_authorization_url(METADATA["authorization_endpoint"], response_type="token")
        redirect = UserAgent(SETTING).authorize(url)
        token = legacy.fetch_token(authorization_response=redirect, state=state)
        same(introspect(token["access_token"])["active"], True)
        assert "refresh_token" not in token

else:
    print("not checked: password and implicit grant: the server was built without the feature legacy")


check.close()
