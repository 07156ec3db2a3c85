import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { goPath, hasGoOidc, libraries, needs, needsLibrary, needsPython, python } from './servers/needs.ts'

const docs = new URL('../docs/', import.meta.url).pathname
const run = promisify(execFile)

/** The code of a page, as it stands there. */
export function codeOf(page: string, language: string, holds: string): string {
  const text = readFileSync(`${docs}${page}`, 'utf8')
  const blocks = Array.from(text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm), ([, name, code = '']) => ({ name, code }))
  const found = blocks.find(({ name, code }) => name === language && code.includes(holds))
  if (!found) throw new Error(`${page} has no ${language} that holds ${holds}`)
  return found.code
}

/** A program around a recipe, which prints `email backend permissions` of the token in its environment. */
export interface Recipe {
  readonly name: string
  readonly skip: string | false
  /** Makes the program in a folder of its own, and answers how it is run. */
  make(folder: string): Promise<readonly [file: string, ...args: string[]]>
  /** What it says of a wrong token. */
  readonly complaints: Record<'signature' | 'audience' | 'expired' | 'typ' | 'algorithm', RegExp>
}

const javascript = (recipe: string) => `const { ISSUER: issuer, AUDIENCE: audience, TOKEN: token } = process.env
${recipe}
const claims = await claimsOf(token)
console.log(claims.email, claims.backend, claims.permissions.join())`

const pythonic = (recipe: string) => `import os
issuer, audience, token = os.environ["ISSUER"], os.environ["AUDIENCE"], os.environ["TOKEN"]
${recipe}
claims = claims_of(token)
print(claims["email"], claims["backend"], ",".join(claims["permissions"]))`

/** Debian's go-oidc is the second major version, whose path in GOPATH has no version. */
const go = (recipe: string) => `package main
import ("context"; "encoding/base64"; "encoding/json"; "errors"; "fmt"; "os"; "strings"; "github.com/coreos/go-oidc")
var issuer, audience = os.Getenv("ISSUER"), os.Getenv("AUDIENCE")
${recipe}
func main() {
	ctx := context.Background()
	claims, err := claimsOf(ctx, newVerifier(ctx), os.Getenv("TOKEN"))
	if err != nil { fmt.Fprintln(os.Stderr, err); os.Exit(1) }
	fmt.Println(claims.Email, claims.Backend, strings.Join(claims.Permissions, ","))
}`

const java = (recipe: string) => `import com.fasterxml.jackson.databind.*;
import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.*;
import java.security.spec.*;
import java.time.*;
import java.util.*;
import static java.nio.charset.StandardCharsets.UTF_8;
${recipe}
class Main {
  public static void main(String[] args) throws Exception {
    var claims = new AccessTokens(System.getenv("ISSUER"), System.getenv("AUDIENCE")).claimsOf(System.getenv("TOKEN"));
    var permissions = new ArrayList<String>();
    claims.path("permissions").forEach((name) -> permissions.add(name.asText()));
    System.out.println(claims.path("email").asText() + " " + claims.path("backend").asText() + " " + String.join(",", permissions));
  }
}`

const php = (recipe: string) => `<?php
require '${libraries.phpseclib}';
ini_set('display_errors', 'stderr');
[$issuer, $audience, $token] = [getenv('ISSUER'), getenv('AUDIENCE'), getenv('TOKEN')];
${recipe}
$claims = claims_of($token, $keys, $issuer, $audience);
echo "$claims->email $claims->backend " . implode(',', $claims->permissions) . "\\n";`

async function goProgram(folder: string): Promise<[string]> {
  await writeFile(join(folder, 'main.go'), go(codeOf('verify.md', 'go', 'oidc.NewVerifier')))
  const env = { ...process.env, GOPATH: goPath, GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(folder, 'cache') }
  await run('go', ['build', '-o', 'main', 'main.go'], { cwd: folder, env })
  return [join(folder, 'main')]
}

async function javaProgram(folder: string): Promise<[string, ...string[]]> {
  await writeFile(join(folder, 'Main.java'), java(codeOf('verify.md', 'java', 'AccessTokens')))
  const parts = ['databind', 'core', 'annotations'].map((part) => libraries.jackson.replace('databind', part))
  const path = [folder, ...parts].join(':')
  await run('javac', ['-cp', path, 'Main.java'], { cwd: folder })
  return ['java', '-XX:TieredStopAtLevel=1', '-cp', path, 'Main']
}

/** The recipes of verify.md that verify in the program itself. */
export const recipes: readonly Recipe[] = [
  {
    name: 'Node.js with jose',
    skip: false,
    make: async () => [
      process.execPath,
      '--input-type=module',
      '--eval',
      javascript(codeOf('verify.md', 'js', 'jwtVerify'))
    ],
    complaints: {
      ...{ signature: /signature verification failed/, audience: /"aud"/, expired: /"exp"/, typ: /"typ"/ },
      algorithm: /"alg" .* not allowed/
    }
  },
  {
    name: 'Python with PyJWT',
    skip: needsPython('jwt', 'cryptography'),
    make: async () => [python, '-c', pythonic(codeOf('verify.md', 'python', 'PyJWKClient'))],
    complaints: {
      ...{ signature: /InvalidSignatureError/, audience: /InvalidAudienceError/, expired: /ExpiredSignatureError/ },
      ...{ typ: /not an access token/, algorithm: /InvalidAlgorithmError/ }
    }
  },
  {
    name: 'Python with Authlib',
    skip: needsPython('authlib', 'requests', 'cryptography'),
    make: async () => [python, '-c', pythonic(codeOf('verify.md', 'python', 'authlib'))],
    complaints: {
      ...{ signature: /BadSignatureError/, audience: /InvalidClaimError: .*"?aud/, expired: /ExpiredTokenError/ },
      ...{ typ: /InvalidClaimError: .*"?typ/, algorithm: /UnsupportedAlgorithmError/ }
    }
  },
  {
    name: 'Go with go-oidc',
    skip: needs('go') || (!hasGoOidc() && 'needs go-oidc, which this machine does not have'),
    make: goProgram,
    complaints: {
      ...{ signature: /failed to verify/, audience: /expected audience/, expired: /token is expired/ },
      ...{ typ: /not an access token/, algorithm: /unsupported algorithm/ }
    }
  },
  {
    name: 'Java with the JDK and Jackson',
    skip: needs('javac') || needsLibrary('jackson'),
    make: javaProgram,
    complaints: {
      ...{ signature: /Wrong signature/, audience: /Not for us/, expired: /Expired/, typ: /Not an access token/ },
      algorithm: /Not an access token/
    }
  },
  {
    name: 'PHP with phpseclib',
    skip: needs('php') || needsLibrary('phpseclib'),
    make: async () => ['php', '-r', php(codeOf('verify.md', 'php', 'phpseclib3')).replace('<?php', '')],
    complaints: {
      ...{ signature: /Wrong signature/, audience: /Not for us/, expired: /or expired/, typ: /Not an access token/ },
      algorithm: /Not an access token/
    }
  }
]
