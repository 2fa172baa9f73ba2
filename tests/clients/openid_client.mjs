// openid-client against the server, configured by nothing but its metadata (RFC 8414).

import assert from 'node:assert/strict';
import * as oauth from 'openid-client';
import { browse, client, issuer, refused, refusedClient, run, setting } from './harness.mjs';

const AUTHENTICATION = {
  client_secret_basic: oauth.ClientSecretBasic,
  client_secret_post: oauth.ClientSecretPost,
  none: oauth.None,
};

async function discover(name, secret = client(name).secret) {
  const { id, metadata } = client(name);
  const authentication = AUTHENTICATION[metadata.token_endpoint_auth_method](secret);
  return oauth.discovery(issuer, id, undefined, authentication, {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests],
  });
}

async function ask(config, name, parameters = {}, answer = 'allow') {
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
  const expectedState = oauth.randomState();
  const url = oauth.buildAuthorizationUrl(config, {
    redirect_uri: client(name).redirectUri,
    scope: 'read write',
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    ...parameters,
  });
  return { redirect: browse(url, answer), checks: { pkceCodeVerifier, expectedState } };
}

async function codeFlow(name) {
  const config = await discover(name);
  const { redirect, checks } = await ask(config, name);
  return { config, tokens: await oauth.authorizationCodeGrant(config, redirect, checks) };
}

async function introspect(token) {
  return oauth.tokenIntrospection(await discover('api'), token);
}

const checks = {
  'discovery by issuer (RFC 8414)': async () => {
    const config = await discover('web');
    assert.equal(config.serverMetadata().issuer, setting.issuer);
    assert.ok(config.serverMetadata().supportsPKCE());
  },
  'code with client_secret_basic': async () => {
    const { tokens } = await codeFlow('web');
    assert.ok(tokens.access_token && tokens.refresh_token && tokens.expires_in > 0);
  },
  'code with client_secret_post': async () => assert.ok((await codeFlow('post')).tokens.access_token),
  'code of a public client': async () => assert.ok((await codeFlow('public')).tokens.access_token),
  'refresh rotates': async () => {
    const { config, tokens } = await codeFlow('web');
    const next = await oauth.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(next.refresh_token, tokens.refresh_token);
    assert.notEqual(next.access_token, tokens.access_token);
    assert.equal((await introspect(next.access_token)).active, true);
  },
  'two tabs that refresh at once get the same tokens': async () => {
    const { config, tokens } = await codeFlow('public');
    const all = await Promise.all([1, 2, 3].map(() => oauth.refreshTokenGrant(config, tokens.refresh_token)));
    assert.equal(new Set(all.map((each) => each.refresh_token)).size, 1);
    assert.equal(new Set(all.map((each) => each.access_token)).size, 1);
  },
  'a refresh may narrow the scope, not widen it': async () => {
    const { config, tokens } = await codeFlow('web');
    const next = await oauth.refreshTokenGrant(config, tokens.refresh_token, { scope: 'read' });
    assert.equal(next.scope, 'read');
    await refused('invalid_scope', oauth.refreshTokenGrant(config, next.refresh_token, { scope: 'read admin' }));
  },
  'client credentials': async () => {
    const tokens = await oauth.clientCredentialsGrant(await discover('service'), { scope: 'read' });
    assert.equal(tokens.refresh_token, undefined);
    const answer = await introspect(tokens.access_token);
    assert.equal(answer.active, true);
    assert.equal(answer.client_id, client('service').id);
  },
  'introspection (RFC 7662)': async () => {
    const { tokens } = await codeFlow('web');
    const answer = await introspect(tokens.access_token);
    assert.equal(answer.client_id, client('web').id);
    assert.deepEqual(new Set(answer.scope.split(' ')), new Set(['read', 'write']));
    assert.deepEqual(await introspect('nonsense'), { active: false });
  },
  'revocation (RFC 7009)': async () => {
    const { config, tokens } = await codeFlow('web');
    await oauth.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
    assert.equal((await introspect(tokens.access_token)).active, false);
    await refused('invalid_grant', oauth.refreshTokenGrant(config, tokens.refresh_token));
    await oauth.tokenRevocation(config, 'nonsense');
  },
  'a redirect from another issuer is refused by the client (RFC 9207)': async () => {
    const config = await discover('web');
    const { redirect, checks: expected } = await ask(config, 'web');
    assert.equal(redirect.searchParams.get('iss'), setting.issuer);
    const forged = new URL(redirect);
    forged.searchParams.set('iss', 'https://attacker.example');
    const names = (error) => /iss/.test(`${error.message} ${error.cause?.message}`);
    await assert.rejects(oauth.authorizationCodeGrant(config, forged, expected), names);
    forged.searchParams.delete('iss');
    await assert.rejects(oauth.authorizationCodeGrant(config, forged, expected), names);
    assert.ok((await oauth.authorizationCodeGrant(config, redirect, expected)).access_token);
  },
  'a wrong secret is invalid_client': async () => {
    // With a secret in the body there is no challenge to read first, but the error code itself.
    const { redirect, checks: expected } = await ask(await discover('post'), 'post');
    await refusedClient(oauth.authorizationCodeGrant(await discover('post', 'wrong'), redirect, expected));
    await refusedClient(oauth.clientCredentialsGrant(await discover('service', 'wrong')));
  },
  'a wrong verifier is invalid_grant': async () => {
    const config = await discover('web');
    const { redirect, checks: expected } = await ask(config, 'web');
    const wrong = { ...expected, pkceCodeVerifier: oauth.randomPKCECodeVerifier() };
    await refused('invalid_grant', oauth.authorizationCodeGrant(config, redirect, wrong));
  },
  'a denied consent is access_denied': async () => {
    const config = await discover('denied');
    const { redirect, checks: expected } = await ask(config, 'denied', {}, 'deny');
    await refused('access_denied', oauth.authorizationCodeGrant(config, redirect, expected));
  },
  'response_mode=form_post': async () => {
    const config = await discover('web');
    const { redirect, checks: expected } = await ask(config, 'web', { response_mode: 'form_post' });
    const request = new Request(client('web').redirectUri, { method: 'POST', body: redirect.searchParams });
    assert.ok((await oauth.authorizationCodeGrant(config, request, expected)).access_token);
  },
};

await run('openid-client', checks);
