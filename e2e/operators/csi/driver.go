package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// driver gives volumes as a cloud's disks are: each an ext4 file system of its own (a file, mounted by a loop device), root's with mode 0755
// and a folder lost+found that root alone can read. A StorageClass with parameters {mode: "0777"} gives volumes that every user can write, as
// drivers of network file systems do.
type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	name, folder string
}

const smallest = 64 << 20

func (d driver) image(volume string) string { return filepath.Join(d.folder, filepath.Base(volume)) }

// run is a command whose words, when it fails, are the error.
func run(command string, arguments ...string) error {
	if out, err := exec.Command(command, arguments...).CombinedOutput(); err != nil {
		return status.Errorf(codes.Internal, "%s: %v: %s", command, err, out)
	}
	return nil
}

func isMounted(folder string) bool { return exec.Command("mountpoint", "-q", folder).Run() == nil }

func (d driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: d.name, VendorVersion: "1"}, nil
}

func (d driver) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{{Type: &csi.PluginCapability_Service_{
		Service: &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}}}}}, nil
}

func (d driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

func (d driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: []*csi.ControllerServiceCapability{{Type: &csi.ControllerServiceCapability_Rpc{
		Rpc: &csi.ControllerServiceCapability_RPC{Type: csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME}}}}}, nil
}

func (d driver) CreateVolume(_ context.Context, request *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	size := max(request.GetCapacityRange().GetRequiredBytes(), smallest)
	image := d.image(request.Name)
	if _, err := os.Stat(image); err != nil {
		if err := run("truncate", "--size", strconv.FormatInt(size, 10), image+".part"); err != nil {
			return nil, err
		}
		if err := run("mkfs.ext4", "-q", "-F", "-m0", image+".part"); err != nil {
			return nil, err
		}
		if err := os.Rename(image+".part", image); err != nil {
			return nil, err
		}
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{VolumeId: request.Name, CapacityBytes: size, VolumeContext: request.Parameters}}, nil
}

func (d driver) DeleteVolume(_ context.Context, request *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	return &csi.DeleteVolumeResponse{}, os.RemoveAll(d.image(request.VolumeId))
}

func (d driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	name, err := os.Hostname()
	return &csi.NodeGetInfoResponse{NodeId: name}, err
}

func (d driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{{Type: &csi.NodeServiceCapability_Rpc{
		Rpc: &csi.NodeServiceCapability_RPC{Type: csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME}}}}}, nil
}

// mount is done once: the kubelet asks again after an answer that it did not see.
func mount(target string, arguments ...string) error {
	if err := os.MkdirAll(target, 0o750); err != nil || isMounted(target) {
		return err
	}
	return run("mount", append(arguments, target)...)
}

func unmount(target string) error {
	if isMounted(target) {
		return run("umount", target)
	}
	return nil
}

func (d driver) NodeStageVolume(_ context.Context, request *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if err := mount(request.StagingTargetPath, "-o", "loop", d.image(request.VolumeId)); err != nil {
		return nil, err
	}
	if mode := request.VolumeContext["mode"]; mode != "" {
		return &csi.NodeStageVolumeResponse{}, run("chmod", mode, request.StagingTargetPath)
	}
	return &csi.NodeStageVolumeResponse{}, nil
}

func (d driver) NodeUnstageVolume(_ context.Context, request *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	return &csi.NodeUnstageVolumeResponse{}, unmount(request.StagingTargetPath)
}

func (d driver) NodePublishVolume(_ context.Context, request *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	options := "bind"
	if request.Readonly {
		options += ",ro"
	}
	return &csi.NodePublishVolumeResponse{}, mount(request.TargetPath, "-o", options, request.StagingTargetPath)
}

func (d driver) NodeUnpublishVolume(_ context.Context, request *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := unmount(request.TargetPath); err != nil {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, os.RemoveAll(request.TargetPath)
}
