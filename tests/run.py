#!/usr/bin/env python3
"""Runs the real server for those who are not ours: clients, a browser, the command of the README.

    run.py clients|browser|release|serve --target target [NAME...]

Each run starts a server of its own on a free port of the loopback, in a data folder that goes away, waits until
it is ready, and ends it with SIGTERM, by its process id. `serve` keeps one running, to try a client by hand.
Standard library only; `./test` calls it, after it has installed what the clients need.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
USER = {"name": "ada", "password": "correct horse battery staple"}
CALLBACK = "http://localhost:1/callback"  # nobody listens: the clients read the redirect, they do not follow it
SECRET = "a-secret-of-the-tests-with-enough-length-to-be-random"


def clients():
    """The clients of the configuration, by the names that the scripts use."""

    def client(name, method, grants, **more):
        entry = {
            "client_id": f"test-{name}",
            "client_name": f"The {name} client",
            "token_endpoint_auth_method": method,
            "grant_types": grants,
            "scope": "read write",
        }
        if method != "none":
            entry["client_secret"] = f"{SECRET}-{name}"
        return name, entry | more

    code = ["authorization_code", "refresh_token"]
    web = {"redirect_uris": [CALLBACK], "response_types": ["code"]}
    return dict(
        [
            client("web", "client_secret_basic", code, **web),
            client("post", "client_secret_post", code, **web),
            client("public", "none", code, **web),
            # Nobody ever allows this one anything, so its consent page always comes.
            client("denied", "client_secret_basic", code, **web),
            client("service", "client_secret_basic", ["client_credentials"], scope="read"),
            client("api", "client_secret_basic", ["client_credentials"], may_introspect=True),
        ]
    )


def legacy_clients():
    return {
        "legacy": clients()["service"]
        | {"client_id": "test-legacy", "grant_types": ["password"], "client_secret": f"{SECRET}-legacy"},
        "implicit": {
            "client_id": "test-implicit",
            "client_name": "The implicit client",
            "token_endpoint_auth_method": "none",
            "grant_types": ["implicit"],
            "response_types": ["token"],
            "redirect_uris": [CALLBACK],
            "scope": "read",
        },
    }


def toml(table):
    """A table of strings, booleans and lists of strings as TOML (whose strings are JSON's)."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())


class Server:
    """A server process, its folder, and what it printed."""

    def __init__(self, program, folder, port=None):
        self.program, self.folder = program, pathlib.Path(folder)
        self.port = port or free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.log = self.folder / "server.log"
        self.process = None

    def configure(self, legacy):
        """Writes the configuration file and makes the user."""
        entries = list(clients().values()) + (list(legacy_clients().values()) if legacy else [])
        config = toml({"issuer": self.issuer, "listen": f"127.0.0.1:{self.port}", "store": "sqlite:grantor.db"})
        if legacy:
            offered = ["authorization_code", "refresh_token", "client_credentials", "password", "implicit"]
            config += "\n[policy]\n" + toml({"grant_types": offered})
        config += "\n[scopes]\n" + toml({"read": "Read your notes", "write": "Change your notes"})
        for entry in entries:
            config += "\n[[clients]]\n" + toml(entry)
        (self.folder / "grantor.toml").write_text(config)
        self.command("user", "create", USER["name"], "--config", "grantor.toml", given=USER["password"] + "\n")

    def command(self, *arguments, given=""):
        done = subprocess.run(
            [self.program, *arguments], cwd=self.folder, input=given, capture_output=True, text=True, timeout=120
        )
        if done.returncode != 0:
            raise RuntimeError(f"grantor {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *arguments, environment=None):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | (environment or {}),
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.printed()[-4000:]}")
            with contextlib.suppress(OSError):
                if get(f"{self.issuer}/readyz")[0] == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"the server was not ready in 60 s:\n{self.printed()[-4000:]}")

    def stop(self):
        """A graceful stop: exit status 0 within ten seconds of SIGTERM."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(12)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError("the server did not stop within 10 s of SIGTERM") from None
        code, self.process = self.process.returncode, None
        if code != 0:
            raise RuntimeError(f"the server ended with {code}:\n{self.printed()[-4000:]}")

    def printed(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="grantor-test-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(options):
    """`grantor serve` with the clients and the user of the tests; gives the setting for the scripts."""
    with folder() as path:
        server = Server(options.debug_program, path)
        legacy = "--legacy" in options.features
        server.configure(legacy)
        server.start("serve", "--config", "grantor.toml")
        everyone = clients() | (legacy_clients() if legacy else {})
        for entry in everyone.values():
            if "redirect_uris" in entry:
                entry["redirect_uri"] = entry["redirect_uris"][0]
        setting = {
            "issuer": server.issuer,
            "user": USER,
            "clients": everyone,
            "legacy": legacy,
            "python": sys.executable,
            "user_agent": str(HERE / "clients" / "user_agent.py"),
        }
        try:
            yield setting
        except BaseException:
            print(server.printed()[-4000:])
            raise
        finally:
            server.stop()
        if "panicked" in server.printed():
            raise RuntimeError(f"the server panicked:\n{server.printed()[-4000:]}")


def run(command, setting, **more):
    """Runs a client; true when it was content."""
    print(f"== {pathlib.Path(command[-1]).name}", flush=True)
    environment = os.environ | {"GRANTOR_TEST": json.dumps(setting), "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "localhost"}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=600, **more).returncode == 0


def node_scripts(options, name):
    """Copies the scripts beside the npm packages, where Node.js looks for what they import."""
    target = options.target / "test" / "node" / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for script in (HERE / name).glob("*.mjs"):
        shutil.copy(script, target)
    return target


def run_clients(options):
    scripts = node_scripts(options, "clients")
    commands = {
        "oauth2": [str(options.target / "debug" / "client-oauth2")],
        "authlib": [sys.executable, str(HERE / "clients" / "authlib_client.py")],
        "requests-oauthlib": [sys.executable, str(HERE / "clients" / "requests_oauthlib_client.py")],
        "raw": [sys.executable, str(HERE / "raw" / "raw_requests.py")],
        "openid-client": ["node", str(scripts / "openid_client.mjs")],
        "oauth4webapi": ["node", str(scripts / "oauth4webapi.mjs")],
    }
    chosen = {name: command for name, command in commands.items() if not options.names or name in options.names}
    with running(options) as setting:
        return all([run(command, setting) for command in chosen.values()])


def dev(server, environment=None):
    """Starts `grantor dev` in the server's folder; gives the name and password that it printed."""
    server.start("dev", environment={"GRANTOR_LISTEN": f"127.0.0.1:{server.port}", "GRANTOR_ISSUER": server.issuer} | (environment or {}))
    words = server.printed()
    name = re.search(r"user(?:name)?\W+(\S+)", words, re.I)
    password = re.search(r"password\W+(\S+)", words, re.I)
    return {"name": name and name[1], "password": password and password[1]}


def run_browser(options):
    scripts = node_scripts(options, "browser")
    shots = options.target / "screenshots"
    shutil.rmtree(shots, ignore_errors=True)
    shots.mkdir(parents=True)
    with folder() as path:
        server = Server(options.debug_program, path)
        user = dev(server)
        setting = {"issuer": server.issuer, "user": user, "screenshots": str(shots)}
        try:
            return run(["node", str(scripts / "main.mjs"), *options.names], setting)
        finally:
            server.stop()
            if "panicked" in server.printed():
                raise RuntimeError(f"the server panicked:\n{server.printed()[-4000:]}")


def run_release(options):
    """What the README promises: one command, a page, and nothing lost over a restart."""
    with folder() as path:
        server = Server(options.target / "release" / "grantor", path)
        user = dev(server)
        status, page = get(server.issuer + "/")
        assert status == 200 and "<html" in page.lower(), (status, page[:300])
        metadata = json.loads(get(server.issuer + "/.well-known/oauth-authorization-server")[1])
        assert metadata["issuer"] == server.issuer, metadata
        assert get(server.issuer + "/healthz")[0] == 200
        secrets = [entry for entry in server.folder.rglob("*") if entry.is_file() and entry != server.log]
        assert secrets, "nothing was kept on disk"
        server.stop()
        print(f"started, answered, stopped; user {user['name']}, {len(secrets)} files kept")
        server.start("dev", environment={"GRANTOR_LISTEN": f"127.0.0.1:{server.port}", "GRANTOR_ISSUER": server.issuer})
        assert get(server.issuer + "/")[0] == 200
        server.stop()
        print("release: 2 passed, 0 failed")
        return True


def run_serve(options):
    with running(options) as setting:
        print(json.dumps(setting, indent=2), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clients", "browser", "release", "serve"])
    parser.add_argument("names", nargs="*", help="only these clients or scenes")
    parser.add_argument("--target", type=pathlib.Path, default=pathlib.Path("target"))
    options = parser.parse_args()
    options.target = options.target.resolve()
    options.debug_program = options.target / "debug" / "grantor"
    options.features = ["--legacy"]
    ended = globals()[f"run_{options.what}"](options)
    sys.exit(0 if ended else 1)


if __name__ == "__main__":
    main()
