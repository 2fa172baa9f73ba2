// oauth4webapi against the server: every answer is checked for the letter of its RFC.

import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { browse, client, issuer, refused, refusedClient, run, setting } from './harness.mjs';

const http = { [oauth.allowInsecureRequests]: true };
const server = await oauth
  .discoveryRequest(issuer, { algorithm: 'oauth2', ...http })
  .then((answer) => oauth.processDiscoveryResponse(issuer, answer));

const AUTHENTICATION = {
  client_secret_basic: oauth.ClientSecretBasic,
  client_secret_post: oauth.ClientSecretPost,
  none: oauth.None,
};

function party(name) {
  const { id, secret, metadata, redirectUri } = client(name);
  const authentication = AUTHENTICATION[metadata.token_endpoint_auth_method](secret);
  return { client: { client_id: id }, authentication, redirectUri };
}

async function ask(name, { answer = 'allow', ...parameters } = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  const all = {
    client_id: party(name).client.client_id,
    redirect_uri: party(name).redirectUri,
    response_type: 'code',
    scope: 'read write',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...parameters,
  };
  for (const [key, value] of Object.entries(all)) url.searchParams.set(key, value);
  return { redirect: browse(url, answer), verifier, state };
}

async function redeem(name, { redirect, verifier, state }) {
  const { client: us, authentication, redirectUri } = party(name);
  const parameters = oauth.validateAuthResponse(server, us, redirect, state);
  const answer = await oauth.authorizationCodeGrantRequest(
    server, us, authentication, parameters, redirectUri, verifier, http,
  );
  return oauth.processAuthorizationCodeResponse(server, us, answer);
}

const codeFlow = async (name) => redeem(name, await ask(name));

async function refresh(name, token) {
  const { client: us, authentication } = party(name);
  const answer = await oauth.refreshTokenGrantRequest(server, us, authentication, token, http);
  return oauth.processRefreshTokenResponse(server, us, answer);
}

async function introspect(token, name = 'api') {
  const { client: us, authentication } = party(name);
  const answer = await oauth.introspectionRequest(server, us, authentication, token, http);
  return oauth.processIntrospectionResponse(server, us, answer);
}

async function revoke(name, token) {
  const { client: us, authentication } = party(name);
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, us, authentication, token, http));
}

async function credentials(name, parameters, authentication = party(name).authentication) {
  const us = party(name).client;
  const answer = await oauth.clientCredentialsGrantRequest(server, us, authentication, parameters, http);
  return oauth.processClientCredentialsResponse(server, us, answer);
}

const checks = {
  'metadata (RFC 8414)': () => {
    assert.equal(server.issuer, setting.issuer);
    assert.equal(server.authorization_response_iss_parameter_supported, true);
    assert.ok(server.grant_types_supported.includes('authorization_code'));
    assert.ok(server.response_modes_supported.includes('query'));
  },
  'code with client_secret_basic': async () => assert.ok((await codeFlow('web')).refresh_token),
  'code with client_secret_post': async () => assert.ok((await codeFlow('post')).refresh_token),
  'code of a public client': async () => assert.ok((await codeFlow('public')).access_token),
  'refresh rotates, introspection follows': async () => {
    const first = await codeFlow('web');
    const second = await refresh('web', first.refresh_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
    const answer = await introspect(second.access_token);
    assert.equal(answer.active, true);
    assert.equal(answer.iss ?? setting.issuer, setting.issuer);
  },
  'client credentials': async () => {
    const tokens = await credentials('service', { scope: 'read' });
    assert.equal((await introspect(tokens.access_token)).scope, 'read');
  },
  'revocation (RFC 7009)': async () => {
    const tokens = await codeFlow('public');
    await revoke('public', tokens.refresh_token);
    assert.equal((await introspect(tokens.access_token)).active, false);
    await refused('invalid_grant', refresh('public', tokens.refresh_token));
  },
  'the token of another client is not revoked': async () => {
    const tokens = await codeFlow('web');
    await revoke('public', tokens.refresh_token).catch(() => {});
    assert.equal((await introspect(tokens.access_token)).active, true);
  },
  'a refused secret names the scheme (RFC 6749 section 5.2)': async () => {
    await refusedClient(credentials('service', {}, oauth.ClientSecretBasic('wrong')));
  },
  'a scope beyond the client is invalid_scope': async () => {
    await refused('invalid_scope', credentials('service', { scope: 'admin' }));
  },
  'a denied consent is access_denied': async () => {
    const { redirect, state } = await ask('denied', { answer: 'deny' });
    assert.throws(
      () => oauth.validateAuthResponse(server, party('denied').client, redirect, state),
      (error) => error.error === 'access_denied',
    );
  },
  'a forged state is refused by the client': async () => {
    const { redirect } = await ask('web');
    assert.throws(() => oauth.validateAuthResponse(server, party('web').client, redirect, 'another'));
  },
  'plain PKCE is refused (RFC 7636, RFC 9700)': async () => {
    const { redirect, state } = await ask('web', { code_challenge_method: 'plain' });
    assert.throws(
      () => oauth.validateAuthResponse(server, party('web').client, redirect, state),
      (error) => error.error === 'invalid_request',
    );
  },
  'an unknown grant type is unsupported_grant_type': async () => {
    const { client: us, authentication } = party('service');
    const answer = oauth
      .genericTokenEndpointRequest(server, us, authentication, 'urn:example:none', {}, http)
      .then((response) => oauth.processGenericTokenEndpointResponse(server, us, response));
    await refused('unsupported_grant_type', answer);
  },
};

if (setting.legacy) {
  checks['password grant'] = async () => {
    const { client: us, authentication } = party('legacy');
    const { name: username, password } = setting.user;
    const response = await oauth.genericTokenEndpointRequest(
      server, us, authentication, 'password', { username, password, scope: 'read' }, http,
    );
    const tokens = await oauth.processGenericTokenEndpointResponse(server, us, response);
    assert.equal((await introspect(tokens.access_token)).active, true);
  };
} else {
  console.log('not checked: password grant: the server was built without the feature legacy');
}

await run('oauth4webapi', checks);
