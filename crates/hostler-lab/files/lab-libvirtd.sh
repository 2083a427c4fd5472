# Starts libvirtd in the lab's own control group, from wherever the starter came.
#
# A restarted daemon that sat in another group would look for its guests' groups below that one.
for group in /sys/fs/cgroup/daemons /sys/fs/cgroup/*; do
    [ -e "$group/../cgroup.controllers" ] && [ "${group##*/}" != daemons ] && continue
    [ -w "$group/cgroup.procs" ] && echo 0 > "$group/cgroup.procs"
done
# shellcheck disable=SC2046 # each word is an argument of its own
exec libvirtd -d -p /run/libvirt/libvirtd.pid $(cat /etc/libvirt/lab-arguments 2> /dev/null)
