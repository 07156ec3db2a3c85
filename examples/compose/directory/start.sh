#!/bin/sh
# A directory to try things with: made anew from people.ldif at each start, served in the foreground. Needs slapd.
# LDAP_PASSWORD is the password of the account that searches, cn=latchkey,dc=example,dc=com.
set -eu
: "${LDAP_PASSWORD:?}"
here=$(dirname "$0")
data=${DIRECTORY_DATA:-/var/lib/ldap}
url=${DIRECTORY_URL:-ldap://0.0.0.0:1389}
PATH=$PATH:/usr/sbin

cat > "$data/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example,dc=com"
directory $data
index objectClass,uid,cn,entryUUID,member eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=latchkey,dc=example,dc=com" read by * none
CONF
rm -f "$data/data.mdb" "$data/lock.mdb"
hash=$(slappasswd -s "$LDAP_PASSWORD")
sed "s|{LDAP_PASSWORD}|$hash|" "$here/people.ldif" | slapadd -q -f "$data/slapd.conf"
exec slapd -d none -f "$data/slapd.conf" -h "$url"
