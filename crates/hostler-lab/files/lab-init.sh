# Process 1 of a lab: makes the private mounts, starts the daemons, keeps the namespaces alive.
#
#   init.sh STATE RUN GROUP held|detached
#
# It runs within mount, network, process and IPC namespaces of its own, so nothing done here is
# seen outside. It is run twice: first to join a control group while the machine's own are still
# in view, then, by unshare --cgroup, with that group as the root of what guests can see.
set -u
state=$1 run=$2 group=$3 mode=$4

if [ -z "${LAB_GROUPED:-}" ]; then
    mount --make-rprivate /
    joined=yes
    while IFS=: read -r _ controllers path; do
        case $controllers in
            name=*) continue ;;
            '') want=cgroup2 pattern=' - cgroup2 ' ;;
            *) want=cgroup pattern=" - cgroup .*[ ,]${controllers}\(,\|\$\)" ;;
        esac
        point=$(grep -e "$pattern" /proc/self/mountinfo | cut -d' ' -f5 | head -n 1)
        [ -n "$point" ] || continue
        mine=${point}${path%/}/$group
        mkdir -p "$mine" || { joined=no; continue; }
        case ,$controllers, in
            *,cpuset,*) for f in cpus mems; do cat "${mine%/*}/cpuset.$f" > "$mine/cpuset.$f"; done ;;
        esac
        echo 0 > "$mine/cgroup.procs" || joined=no
    done < /proc/self/cgroup
    [ $joined = yes ] || echo 'some control groups are out of reach: limits of guests will not hold'
    LAB_GROUPED=1 exec unshare --cgroup sh "$0" "$@"
fi

# A fresh /sys shows this network namespace's interfaces, but loses the control groups: mount them.
v1=$(grep -e ' - cgroup ' /proc/self/mountinfo | sed 's/.* - cgroup [^ ]* //' | tr ',' '\n' \
    | grep -x -e cpu -e cpuacct -e cpuset -e memory -e devices -e freezer -e blkio -e pids)
joint=$(grep -e ' - cgroup .*cpu,cpuacct' /proc/self/mountinfo)
mount -t proc proc /proc
mount -t sysfs sysfs /sys
if [ -n "$v1" ]; then
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    if [ -n "$joint" ]; then
        v1=$(echo "$v1" | grep -v -x -e cpu -e cpuacct)
        mkdir /sys/fs/cgroup/cpu,cpuacct
        mount -t cgroup -o cpu,cpuacct cgroup /sys/fs/cgroup/cpu,cpuacct
    fi
    for c in $v1; do
        mkdir "/sys/fs/cgroup/$c" && mount -t cgroup -o "$c" cgroup "/sys/fs/cgroup/$c"
    done
    # libvirt believes that this one is where it was, and puts containers into it.
    if grep -q -e ' - cgroup .*name=systemd' /proc/self/mountinfo; then
        mkdir /sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    fi
else
    # In version 2 a group that hands out limits may hold no process: ours go into a leaf.
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir -p /sys/fs/cgroup/daemons && echo 0 > /sys/fs/cgroup/daemons/cgroup.procs
fi

mkdir -p /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
mount --bind "$state/etc" /etc/libvirt
mount --bind "$state/lib" /var/lib/libvirt
mount --bind "$state/log" /var/log/libvirt
mount --bind "$state/cache" /var/cache/libvirt
# What this lab's libvirtd finds beside what the machine has.
while read -r from to; do
    mount --bind "$from" "$to" || exit 1
done < /etc/libvirt/lab-binds
# An empty /run: no message bus, no daemon of the machine's can be found. The lab's own directory
# may lie below the one that is being covered, so it is held as the working directory meanwhile.
cd "$run" || exit 1
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/libvirt /run/lock
mount --no-canonicalize --bind . /run/libvirt || exit 1
cd /

ip link set lo up
virtlogd -d || exit 1
sh /etc/libvirt/lab-libvirtd.sh || exit 1

# When this ends, the kernel ends everything else in here.
case $mode in
    held) cat > /dev/null ;;
    detached) sleep infinity ;;
esac
