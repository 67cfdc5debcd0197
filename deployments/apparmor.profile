# What AppArmor lets a container with a bucket do (docs/security.md): as Docker's own profile, and the mounts of the project.
#   sudo apparmor_parser -r deployments/apparmor.profile
#   docker run --security-opt apparmor=melda-jupyter …
abi <abi/3.0>,

include <tunables/global>

profile melda-jupyter flags=(attach_disconnected, mediate_deleted) {
  include <abstractions/base>

  capability,
  file,
  network,
  umount,

  signal (receive) peer=unconfined,
  signal (send, receive) peer=melda-jupyter,
  ptrace (trace, read, tracedby, readby) peer=melda-jupyter,

  # The bucket, and the data beside it.
  mount fstype=fuse.s3fs -> /run/melda-jupyter/project/,
  mount fstype=fuse.s3fs -> /data/,
  # The project's folder shows the first, and the plugin folders in it show those on local disk.
  mount options=(rw, bind) /run/melda-jupyter/project/ -> /**,
  mount options=(rw, bind) /var/lib/melda-jupyter/plugins/** -> /**,
  mount options=(rw, private) -> /run/melda-jupyter/project/,
  # start-jupyter --check tries one in a mount namespace of its own.
  mount options=(rw, bind) /usr/ -> /mnt/,

  # The host's kernel is set up by others.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
