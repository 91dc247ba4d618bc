#!/bin/sh
# An authority of your own, and a certificate for the broker that it signed. Run it where the authority's key may stay:
# on the operator's machine rather than on the broker.
#
#   ./make-certificates.sh [-d FOLDER] [-y DAYS] NAME...
#
# NAME: what devices call the broker in --mqtt: its host names and addresses, all of them.
#
# Writes into FOLDER (default: certificates):
#   ca.pem      the authority's certificate: onto every device, for --mqtt-ca
#   ca.key      its key: stays here, who has it can pretend to be the broker
#   broker.pem  the broker's certificate, valid for DAYS (default: 825)
#   broker.key  its key: onto the broker, readable by its account alone
#
# Run again, it keeps the authority and makes a new certificate for the broker: the devices need not be touched.
set -eu

fail() {
    echo "make-certificates.sh: $1" >&2
    exit 2
}

folder=certificates
# Two years and a quarter: long enough to be left alone, short enough that the way to renew is not forgotten.
days=825
# The authority outlives the devices; a new one would have to be carried to each of them.
authority_days=7300

while getopts d:y:h option; do
    case $option in
        d) folder=$OPTARG ;;
        y) days=$OPTARG ;;
        h) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"; exit 0 ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

[ $# -gt 0 ] || fail "name the broker as devices will: make-certificates.sh mqtt.example.org 192.168.1.10"
command -v openssl >/dev/null || fail "openssl is not installed: sudo apt install openssl"
case $days in '' | *[!0-9]*) fail "-y $days: give days as a number" ;; esac

names=
for name in "$@"; do
    case $name in
        # What stands here goes into a configuration of openssl: nothing but names and addresses may get there.
        *[!A-Za-z0-9.:-]*) fail "$name: neither a host name nor an address" ;;
        *:*) kind=IP ;;
        *[!0-9.]*) kind=DNS ;;
        *) kind=IP ;;
    esac
    names="${names:+$names,}$kind:$name"
done

# Keys are nobody else's to read, not even for the moment before a chmod.
umask 077
mkdir -p "$folder"
# In the same folder, so that the last step is a rename: a run that is interrupted leaves the old files whole.
work=$(mktemp -d "$folder/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# P-256: every TLS library has it, and a Zero 2 W signs and checks with it in milliseconds, which RSA does not.
make_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

if [ -e "$folder/ca.key" ] && [ -e "$folder/ca.pem" ]; then
    echo "keeping the authority in $folder/ca.pem"
elif [ -e "$folder/ca.pem" ]; then
    fail "$folder/ca.pem is there without its key ca.key; bring the key, or choose another folder with -d"
else
    # A key without its certificate is what an interrupted run leaves; nothing was signed with it.
    make_key "$work/ca.key"
    # May sign certificates of machines, and no other authorities.
    cat >"$work/ca.cnf" <<EOF
[req]
prompt = no
distinguished_name = subject
x509_extensions = extensions
[subject]
CN = emot-edge authority
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
EOF
    openssl req -x509 -new -sha256 -config "$work/ca.cnf" -key "$work/ca.key" \
        -days "$authority_days" -out "$work/ca.pem"
    mv -f "$work/ca.key" "$folder/ca.key"
    mv "$work/ca.pem" "$folder/ca.pem"
    echo "made an authority: $folder/ca.pem"
fi

make_key "$work/broker.key"
# Names stand in subjectAltName; clients look at nothing else. The common name is for people, 64 characters at most.
cat >"$work/broker.cnf" <<EOF
[req]
prompt = no
distinguished_name = subject
[subject]
CN = MQTT broker
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = $names
EOF
openssl req -new -sha256 -config "$work/broker.cnf" -key "$work/broker.key" -out "$work/broker.csr"
openssl x509 -req -sha256 -in "$work/broker.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" \
    -set_serial "0x$(openssl rand -hex 16)" -days "$days" -extfile "$work/broker.cnf" -extensions extensions \
    -out "$work/broker.pem" 2>"$work/log" || fail "$(cat "$work/log")"
mv -f "$work/broker.key" "$folder/broker.key"
mv -f "$work/broker.pem" "$folder/broker.pem"

# Certificates are public.
chmod 644 "$folder/ca.pem" "$folder/broker.pem"
until=$(openssl x509 -in "$folder/broker.pem" -noout -enddate)
echo "made $folder/broker.pem for $names, valid until ${until#notAfter=}"
