# Sourced by every RUN of a work stage. ca.crt and mirrors.env are written into the build context by
# harness/images/manage.py and are empty unless this machine has such settings; clean.sh removes all of it.
set -eu
export DEBIAN_FRONTEND=noninteractive
set -a
. /company/mirrors.env
set +a
if [ -s /company/ca.crt ]; then
  export SSL_CERT_FILE=/company/ca.crt PIP_CERT=/company/ca.crt REQUESTS_CA_BUNDLE=/company/ca.crt
  echo 'Acquire::https::CAInfo "/company/ca.crt";' >/company/apt.conf
else
  : >/company/apt.conf
fi
if [ -n "${HARNESS_APT_MIRROR:-}" ]; then
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  {
    echo "deb $HARNESS_APT_MIRROR $release main"
    [ -z "${HARNESS_APT_SECURITY_MIRROR:-}" ] || echo "deb $HARNESS_APT_SECURITY_MIRROR $release-security main"
  } >/company/sources.list
  echo 'Dir::Etc::sourcelist "/company/sources.list"; Dir::Etc::sourceparts "-";' >>/company/apt.conf
fi
# clean.sh takes dns away again: a sandbox knows names from its hosts file only, and fails at once on others.
sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf
export APT_CONFIG=/company/apt.conf

packages() {
  apt-get -qq -o Acquire::Retries=3 update
  apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"
}
